"""The traffic of a run: bursts of records, poison and duplicates among the good. Pure, from the seed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal
from uuid import UUID

from tests.support.kafka_records import encoded, overlay_event

RecordKind = Literal["valid", "batched", "refused", "duplicate", "poison"]
WEIGHTS: dict[RecordKind, int] = {"valid": 78, "batched": 8, "refused": 2, "duplicate": 7, "poison": 5}
TENANTS = {"flood": 12, "small-1": 1, "small-2": 1, "limited": 2}
"""By how much of the traffic each sends."""
REFUSED_MARK = "이 요청은 거절됩니다"
"""Stands in the text of events that the LLM refuses, so that some requests end as failed."""

BURST_EVERY_S = (0.2, 1.5)
BURST_SIZES = (5, 15, 30, 60, 200)
BURST_WEIGHTS = (10, 10, 10, 6, 1)
TOO_LARGE_BYTES = 300_000
POISON_HEADER = ("x-upstream", b"chaos")


@dataclass(frozen=True, slots=True)
class TrafficRecord:
    """One record to send. `overlay_id` is None for poison."""

    kind: RecordKind
    overlay_id: UUID | None
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Burst:
    """Records sent together, `at_s` after the start."""

    at_s: float
    records: tuple[TrafficRecord, ...]


class RecordMaker:
    """Makes records; a duplicate repeats an overlay made before, as another event about it."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)
        self._overlay_ids: list[UUID] = []

    def any(self) -> TrafficRecord:
        """A record of the usual mixture."""
        match self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]:
            case "duplicate" if self._overlay_ids:
                return self._event("duplicate", self._random.choice(self._overlay_ids))
            case "poison":
                return self.poison()
            case "refused":
                return self._event("refused", self._new_overlay(), tone_style=REFUSED_MARK)
            case "batched":
                return self._event("batched", self._new_overlay(), delivery="batch")
            case _:
                return self.valid()

    def valid(self) -> TrafficRecord:
        """An event about a new overlay."""
        return self._event("valid", self._new_overlay())

    def poison(self) -> TrafficRecord:
        """A record that is no event, in one of many ways."""
        event = self._fields(self._uuid())
        value = self._random.choice(_POISONS)(event)
        return TrafficRecord("poison", None, self._random.randbytes(4), value)

    def _event(self, kind: RecordKind, overlay_id: UUID, **changes: object) -> TrafficRecord:
        event = self._fields(overlay_id) | changes
        return TrafficRecord(kind, overlay_id, str(overlay_id).encode(), encoded(event))

    def _fields(self, overlay_id: UUID) -> dict[str, object]:
        ids = {"overlay_id": str(overlay_id), "event_id": str(self._uuid()), "job_id": str(self._uuid())}
        return overlay_event(tenant_id=_tenant_of(overlay_id), **ids)

    def _new_overlay(self) -> UUID:
        self._overlay_ids.append(self._uuid())
        return self._overlay_ids[-1]

    def _uuid(self) -> UUID:
        return UUID(bytes=self._random.randbytes(16), version=4)


def _tenant_of(overlay_id: UUID) -> str:
    """The same in all events about an overlay."""
    return Random(overlay_id.int).choices(list(TENANTS), list(TENANTS.values()))[0]


def _without_a_field(event: dict[str, object]) -> bytes:
    return encoded({name: value for name, value in event.items() if name != "tone_style"})


_POISONS = (
    lambda _: b"{not json",
    lambda _: b"\xff\xfe\x00",
    lambda _: b"",
    lambda _: None,
    lambda event: json.dumps([event]).encode(),
    _without_a_field,
    lambda event: encoded(event | {"tone_style": "nul \x00 inside"}),
    lambda event: encoded(event | {"overlay_id": "not-a-uuid"}),
    lambda event: encoded(event | {"product_description": ""}),
    lambda event: encoded(event | {"store_information": "x" * TOO_LARGE_BYTES}),
)


def traffic(seed: int, seconds: float) -> Sequence[Burst]:
    """The bursts of a run, in their order; the last begins before `seconds`."""
    random, maker = Random(f"{seed}/traffic"), RecordMaker(f"{seed}/records")
    bursts: list[Burst] = []
    at_s = 0.0
    while at_s < seconds:
        size = random.choices(BURST_SIZES, BURST_WEIGHTS)[0]
        bursts.append(Burst(round(at_s, 2), tuple(maker.any() for _ in range(size))))
        at_s += random.uniform(*BURST_EVERY_S)
    return bursts
