"""Dead letters of records that come to nothing on arrival: acknowledged before their offsets move."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from consumer.kafka.publisher import Publisher
from consumer.pipeline.flood_limit import FloodLimit
from consumer.pipeline.traces import Traces, trace_id_in
from schemas.dead_letter import dead_letter
from schemas.reasons import Reason
from schemas.record import SourceRecord

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that becomes a dead letter, and why."""

    source: SourceRecord
    reason: Reason
    detail: str


class DeadLetters:
    """Sends invalid records to the dead letter topic, with the reason beside the untouched original."""

    def __init__(self, publisher: Publisher, traces: Traces, *, topic: str, limit: FloodLimit) -> None:
        self._publisher = publisher
        self._traces = traces
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
        for failure in await self._publisher.publish(letters):
            if failure:
                raise failure
        self._limit = limit
        for refusal in invalid:
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
