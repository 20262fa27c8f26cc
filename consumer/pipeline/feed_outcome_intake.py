"""The intake of feed outcomes (likes, sales): a small consumer that must never disturb the main one.

Events are deduplicated by id, so reading at least once is enough: offsets are committed after the rows, and two
processes that briefly read the same partition do no harm. Errors stay within this consumer.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

import structlog
from aiokafka.errors import KafkaError

from consumer.errors import FatalError
from consumer.kafka.poller import source_record
from consumer.kafka.publisher import PublishFailed
from consumer.pipeline.backoff import Backoff
from consumer.pipeline.dead_letters import DeadLetters, Refusal
from consumer.pipeline.partitions.leased import LeasedPartitions
from consumer.pipeline.partitions.share import PartitionShare
from consumer.telemetry.metrics import Metrics
from repository.errors import StoreError
from repository.feed_outcomes import StoredOutcomes, new_outcome, store_outcomes
from repository.pool import Pool, connection
from schemas.codec import InvalidEvent
from schemas.feed_outcome import FeedOutcome, decode_feed_outcome
from schemas.reasons import Reason
from schemas.record import SourceRecord

log = structlog.get_logger()

MOST_AT_ONCE = 500
BREATH_S = 0.1  # after each batch: posts have priority, even when a month of outcomes arrives at once
IDLE_S = 1.0
SHARE_ROUND_S = 2.0

Found = tuple[SourceRecord, FeedOutcome]


class FeedOutcomeIntake:
    """Stores outcome events from their topic in the table."""

    def __init__(
        self,
        share: PartitionShare,
        partitions: LeasedPartitions,
        pool: Pool,
        dead_letters: DeadLetters,
        metrics: Metrics,
        *,
        max_event_bytes: int,
    ) -> None:
        self._share = share
        self._partitions = partitions
        self._pool = pool
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._max_event_bytes = max_event_bytes
        self._backoff = Backoff()
        self._shared_at_s = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set or an error that only people can fix; never raises."""
        while not stop.is_set():
            try:
                pause_s = await self._round()
            except FatalError as error:
                log.error("outcomes.ended", error=str(error))  # noqa: TRY400 - told in full, no traceback
                return
            except Exception:
                log.exception("outcomes.ended")
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await stop.wait()

    async def run_once(self) -> int:
        """Take in one poll. Returns how many records it had.

        Raises:
            FatalError: the records stay where they are until people have looked.
            KafkaError, StoreError, PublishFailed, OSError, TimeoutError: temporary; undo the poll.
        """
        await self._keep_share()
        await self._partitions.follow()
        poll = await self._partitions.poll(max_records=MOST_AT_ONCE) if self._partitions.has_any else {}
        records = [source_record(record) for some in poll.values() for record in some]
        if records or self._dead_letters.owed:
            await self._take_in(records)
        await self._partitions.settle(self._dead_letters.owed_places)
        return len(records)

    async def leave(self) -> None:
        """Give the partitions back, so that other processes continue at once.

        Raises:
            StoreError: the leases run out by themselves.
        """
        await self._share.leave()

    async def _round(self) -> float:
        """Take in one poll. Returns how long to pause, in seconds."""
        try:
            taken = await self.run_once()
        except (KafkaError, StoreError, PublishFailed, OSError, TimeoutError) as error:
            log.warning("outcomes.undone", error=f"{type(error).__name__}: {error}")
            self._partitions.undo()
            return self._backoff.after_failure_s()
        self._backoff = Backoff()
        return BREATH_S if taken else IDLE_S

    async def _keep_share(self) -> None:
        if time.monotonic() - self._shared_at_s >= SHARE_ROUND_S:
            await self._share.run_once()
            self._shared_at_s = time.monotonic()

    async def _take_in(self, records: Sequence[SourceRecord]) -> None:
        found, invalid = self._decoded(records)
        stored = await self._stored(found)
        unknown = [_unknown(*found[place]) for place in sorted(stored.unknown_posts)]
        places = {(refusal.source.partition, refusal.source.offset) for refusal in invalid}
        # an unknown post does not mean a malformed producer, so it does not count towards a flood
        valid = [(record.partition, record.offset) not in places for record in records]
        await self._dead_letters.send([*invalid, *unknown], valid=valid)
        self._count(stored, invalid=len(invalid))

    def _decoded(self, records: Sequence[SourceRecord]) -> tuple[list[Found], list[Refusal]]:
        found: list[Found] = []
        invalid: list[Refusal] = []
        for record in records:
            try:
                found.append((record, decode_feed_outcome(record.value, max_event_bytes=self._max_event_bytes)))
            except InvalidEvent as error:
                invalid.append(Refusal(record, Reason.INVALID_EVENT, str(error)))
        return found, invalid

    async def _stored(self, found: Sequence[Found]) -> StoredOutcomes:
        if not found:
            return StoredOutcomes(0, 0, frozenset())
        async with connection(self._pool) as borrowed:
            return await store_outcomes(borrowed, [new_outcome(place, one) for place, (_, one) in enumerate(found)])

    def _count(self, stored: StoredOutcomes, *, invalid: int) -> None:
        kinds = self._metrics.messaging.outcome_events
        kinds.labels("stored").inc(stored.stored)
        kinds.labels("duplicate").inc(stored.known)
        kinds.labels(Reason.UNKNOWN_POST).inc(len(stored.unknown_posts))
        kinds.labels("invalid").inc(invalid)


def _unknown(source: SourceRecord, outcome: FeedOutcome) -> Refusal:
    named = outcome.instagram_feed_id or f"overlay {outcome.overlay_id}, revision {outcome.revision or 'any'}"
    detail = f"no post {named} is stored (yet): send it again once it is, or leave it"
    return Refusal(source, Reason.UNKNOWN_POST, detail)
