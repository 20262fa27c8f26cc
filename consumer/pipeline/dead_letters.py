"""Dead letters of records rejected on arrival: acknowledged before their offsets move.

A dead letter that the broker does not take holds up no other record: it is owed, and sent again beside new ones. Its
partition's offset stays before it until it is acknowledged. The number owed is bounded, and so is memory.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from consumer.kafka.poller import Place
from consumer.kafka.publisher import Publisher, PublishFailed, error_type
from consumer.pipeline.flood_limit import FloodLimit
from consumer.pipeline.tracing.traces import Traces, trace_id_in
from consumer.telemetry.metrics.messaging import MessagingMetrics
from schemas.dead_letter import dead_letter
from schemas.reasons import Reason
from schemas.record import SourceRecord

log = structlog.get_logger()

RETRY_S = 5.0
RETRY_SHARE = 2.0  # times as long as the attempt took: the intake waits for it
MOST_OWED = 1_000
MOST_OWED_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that becomes a dead letter, and why."""

    source: SourceRecord
    reason: Reason
    detail: str


_Owed = dict[tuple[str, int, int], Refusal]
"""Refusals by their record's position, so that a record polled again is owed once."""


class DeadLetters:
    """Sends invalid records to the dead letter topic: the original unchanged, with the reason in headers."""

    def __init__(
        self, publisher: Publisher, traces: Traces, metrics: MessagingMetrics, *, topic: str, limit: FloodLimit
    ) -> None:
        self._publisher = publisher
        self._traces = traces
        self._metrics = metrics
        self._topic = topic
        self._limit = limit
        self._owed: _Owed = {}
        self._try_from_s = 0.0
        self.unavailable_reason: str | None = None
        """Why dead letters are owed; None while none is."""

    @property
    def owed(self) -> int:
        """How many dead letters are not acknowledged yet."""
        return len(self._owed)

    @property
    def owed_places(self) -> list[Place]:
        """Where the records of these lie."""
        return [(partition, offset) for _, partition, offset in self._owed]

    async def send(self, invalid: Sequence[Refusal], *, valid: Sequence[bool]) -> None:
        """Send these and those owed, and wait for acknowledgements; what is not acknowledged is owed.

        `valid` tells for each record of the poll, in order, whether it is valid.

        Raises:
            Flood: none of them was sent.
            PublishFailed: more are unacknowledged than may be owed; undo the poll.
        """
        limit = self._limit.after(valid)
        letters = self._owed | {_place(refusal): refusal for refusal in invalid}
        failure: PublishFailed | None = None
        if letters and time.monotonic() >= self._try_from_s:
            letters, failure = await self._try(letters)
        if len(letters) > MOST_OWED or sum(map(_size, letters.values())) > MOST_OWED_BYTES:
            self._owed = {place: refusal for place, refusal in self._owed.items() if place in letters}
            raise failure or PublishFailed(self.unavailable_reason)
        self._limit, self._owed = limit, letters
        if not letters:
            self.unavailable_reason = None

    async def _try(self, letters: _Owed) -> tuple[_Owed, PublishFailed | None]:
        """Send refusals. Returns those that were not acknowledged, and why the last was not."""
        began_s = time.monotonic()
        failures = await self._publish(list(letters.values()))
        for place in letters.keys() - failures.keys():
            self._tell(letters[place])
        if not failures:
            return {}, None
        now_s = time.monotonic()
        self._try_from_s = now_s + max(RETRY_S, RETRY_SHARE * (now_s - began_s))
        *_, failure = failures.values()
        self.unavailable_reason = f"dead letters are not taken: {failure}"
        log.warning("letters.owed", topic=self._topic, records=len(failures), error=str(failure))
        return {place: letters[place] for place in failures}, failure

    async def _publish(self, refusals: Sequence[Refusal]) -> Mapping[tuple[str, int, int], PublishFailed]:
        now = datetime.now(UTC)
        letters = [
            dead_letter(
                refusal.source,
                topic=self._topic,
                reason=refusal.reason,
                detail=refusal.detail,
                stage="intake",
                attempts=0,
                failed_at=now,
            )
            for refusal in refusals
        ]
        began_s = time.perf_counter()
        results = await self._publisher.publish(letters)
        errors = ((self._topic, error_type(failure)) for failure in results)
        self._metrics.sent(errors, time.perf_counter() - began_s)
        return {_place(refusal): failure for refusal, failure in zip(refusals, results, strict=True) if failure}

    def _tell(self, refusal: Refusal) -> None:
        self._metrics.invalid.labels(refusal.reason).inc()
        self._traces.refused(refusal.source, refusal.reason)
        trace_id = trace_id_in(refusal.source.headers)
        log.warning(
            "event.invalid",
            topic=refusal.source.topic,
            partition=refusal.source.partition,
            offset=refusal.source.offset,
            reason=refusal.reason,
            detail=refusal.detail,
            **({"trace_id": trace_id} if trace_id else {}),
        )


def _place(refusal: Refusal) -> tuple[str, int, int]:
    return refusal.source.topic, refusal.source.partition, refusal.source.offset


def _size(refusal: Refusal) -> int:
    return len(refusal.source.key or b"") + len(refusal.source.value or b"")
