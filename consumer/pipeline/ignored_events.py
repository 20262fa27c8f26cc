"""Events of other types: skipped, but counted by type, logged at intervals, and limited like a flood."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from consumer.pipeline.flood_limit import Flood, FloodLimit
from consumer.telemetry.metrics import Metrics
from repository.errors import StoreError
from repository.ignored_events import IgnoredType, count_ignored
from repository.pool import Pool, connection
from schemas.event_types import DEFAULT_EVENT_TYPES, EventTypes
from schemas.record import SourceRecord

log = structlog.get_logger()

LOG_INTERVAL_S: Final = 60.0
PATIENCE_S: Final = 1.0  # a locked counter must not stop the intake
AGAIN_S: Final = 10.0
MAX_TYPES: Final = 20
MAX_TYPE_CHARS: Final = 80
OTHER: Final = "(other)"
EMPTY: Final = "(empty)"


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record of another type, with its declared type."""

    source: SourceRecord
    event_type: str


class TypeNames:
    """Type names for labels, rows and log lines: bounded in number and length, and printable."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __call__(self, event_type: str) -> str:
        """Return the type if it is among the first ones seen; all others share a name."""
        name = _printable(event_type[:MAX_TYPE_CHARS]) or EMPTY
        if len(self._known) < MAX_TYPES:
            self._known.add(name)
        return name if name in self._known else OTHER


class IgnoredEvents:
    """Counts and logs skipped records."""

    def __init__(
        self,
        pool: Pool,
        metrics: Metrics,
        *,
        limit: FloodLimit,
        event_types: EventTypes = DEFAULT_EVENT_TYPES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._metrics = metrics
        self._limit = limit
        self._taken = ",".join(event_types.names)
        self._clock = clock
        self._name_of = TypeNames()
        self._uncounted: dict[str, IgnoredType] = {}
        self._count_from_s: float | None = None
        self._unlogged: dict[str, int] = {}
        self._logged_at_s: dict[str, float] = {}

    async def note(self, ignored: Sequence[Ignored], *, accepted: Sequence[bool]) -> None:
        """Count and log the skipped records of a poll; `accepted` is false for them, in the order of its records.

        Raises:
            Flood: too many records are skipped; the poll's records stay where they are.
        """
        seen = self._by_type(ignored)
        self._limit = self._after(accepted, seen)
        await self._count(seen)
        for name, one in seen.items():
            self._metrics.messaging.ignored.labels(name).inc(one.records)
            self._log(one)

    async def _count(self, seen: Mapping[str, IgnoredType]) -> None:
        """Add to the counts in the database; counts that cannot be written are added with a later poll."""
        for name, one in seen.items():
            before = self._uncounted[name].records if name in self._uncounted else 0
            self._uncounted[name] = replace(one, records=before + one.records)
        if not self._uncounted or (self._count_from_s is not None and self._clock() < self._count_from_s):
            return
        try:
            async with asyncio.timeout(PATIENCE_S), connection(self._pool) as borrowed:
                await count_ignored(borrowed, list(self._uncounted.values()))
        except (StoreError, TimeoutError) as error:
            self._count_from_s = self._clock() + AGAIN_S
            log.warning("event.not_counted", error=str(error) or f"no answer within {PATIENCE_S:g} s")
        else:
            self._uncounted, self._count_from_s = {}, None

    def _by_type(self, ignored: Sequence[Ignored]) -> dict[str, IgnoredType]:
        """Group records by type name, with the position of the last one of each."""
        seen: dict[str, IgnoredType] = {}
        for one in ignored:
            name = self._name_of(one.event_type)
            seen[name] = IgnoredType(
                event_type=name,
                records=seen[name].records + 1 if name in seen else 1,
                topic=one.source.topic,
                partition=one.source.partition,
                offset=one.source.offset,
            )
        return seen

    def _after(self, accepted: Sequence[bool], seen: Mapping[str, IgnoredType]) -> FloodLimit:
        try:
            return self._limit.after(accepted)
        except Flood as error:
            examples = (f"{one.event_type} at {one.topic}/{one.partition}/{one.offset}" for one in seen.values())
            raise Flood("; ".join((str(error), *examples))) from None

    def _log(self, one: IgnoredType) -> None:
        """Log at most once a minute per type, with the number since the last line."""
        name, now_s = one.event_type, self._clock()
        self._unlogged[name] = self._unlogged.get(name, 0) + one.records
        if now_s - self._logged_at_s.get(name, -LOG_INTERVAL_S) < LOG_INTERVAL_S:
            return
        self._logged_at_s[name] = now_s
        log.warning(
            "event.ignored",
            event_type=name,
            OVERLAY_EVENT_TYPES=self._taken,
            records=self._unlogged.pop(name),
            topic=one.topic,
            partition=one.partition,
            offset=one.offset,
        )


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text).strip()
