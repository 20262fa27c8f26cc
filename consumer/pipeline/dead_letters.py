"""Dead letters of records that come to nothing on arrival: acknowledged before their offsets move."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from consumer.kafka.publisher import Publisher, error_type
from consumer.pipeline.flood_limit import FloodLimit
from consumer.pipeline.traces import Traces, trace_id_in
from consumer.telemetry.metrics.messaging import MessagingMetrics
from schemas.dead_letter import dead_letter
from schemas.reasons import Reason
from schemas.record import OutgoingRecord, SourceRecord

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that becomes a dead letter, and why."""

    source: SourceRecord
    reason: Reason
    detail: str


class DeadLetters:
    """Sends invalid records to the dead letter topic, with the reason beside the untouched original."""

    def __init__(
        self, publisher: Publisher, traces: Traces, metrics: MessagingMetrics, *, topic: str, limit: FloodLimit
    ) -> None:
        self._publisher = publisher
        self._traces = traces
        self._metrics = metrics
        self._topic = topic
        self._limit = limit

    async def send(self, invalid: Sequence[Refusal], *, valid: Sequence[bool]) -> None:
        """Send all and wait for their acknowledgements; `valid` says it of each record of the poll, in order.

        Raises:
            Flood: none of them was sent.
            PublishFailed: at least one was not acknowledged. All have to be sent again.
        """
        limit = self._limit.after(valid)
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
            for refusal in invalid
        ]
        await self._publish(letters)
        self._limit = limit
        for refusal in invalid:
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

    async def _publish(self, letters: Sequence[OutgoingRecord]) -> None:
        if not letters:
            return
        began_s = time.perf_counter()
        results = await self._publisher.publish(letters)
        errors = ((self._topic, error_type(failure)) for failure in results)
        self._metrics.sent(errors, time.perf_counter() - began_s)
        for failure in results:
            if failure:
                raise failure
