"""Dead letters of events that are invalid on arrival: acknowledged before their offsets move."""

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from consumer.kafka.publisher import Publisher
from consumer.pipeline.dead_letter_limit import DeadLetterLimit
from schemas.codec import InvalidEvent
from schemas.dead_letter import dead_letter
from schemas.reasons import Reason
from schemas.record import SourceRecord

log = structlog.get_logger()


class DeadLetters:
    """Sends invalid records to the dead letter topic, with the reason beside the untouched original."""

    def __init__(self, publisher: Publisher, *, topic: str, limit: DeadLetterLimit) -> None:
        self._publisher = publisher
        self._topic = topic
        self._limit = limit

    async def send(self, invalid: Sequence[tuple[SourceRecord, InvalidEvent]], *, valid: Sequence[bool]) -> None:
        """Send all and wait for their acknowledgements; `valid` tells of each record of the poll, in order.

        Raises:
            TooManyDeadLetters: none of them was sent.
            PublishFailed: at least one was not acknowledged. All have to be sent again.
        """
        limit = self._limit.after(valid)
        now = datetime.now(UTC)
        letters = [
            dead_letter(
                record,
                topic=self._topic,
                reason=Reason.INVALID_EVENT,
                detail=str(error),
                stage="intake",
                attempts=0,
                failed_at=now,
            )
            for record, error in invalid
        ]
        for failure in await self._publisher.publish(letters):
            if failure:
                raise failure
        self._limit = limit
        for record, error in invalid:
            log.warning(
                "event.invalid",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                detail=str(error),
            )
