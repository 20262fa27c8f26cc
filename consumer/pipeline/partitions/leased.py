"""Reading leased partitions: the poller follows this process's share, and commits only while the leases are certain."""

from collections.abc import Iterable

import structlog

from consumer.kafka.poller import Place, Poll, Poller
from consumer.pipeline.partitions.share import PartitionShare
from consumer.telemetry.metrics.messaging import MessagingMetrics
from repository.partition_leases import Gap

log = structlog.get_logger()


class LeasedPartitions:
    """The records of the partitions leased by this process."""

    def __init__(self, poller: Poller, share: PartitionShare, metrics: MessagingMetrics) -> None:
        self._poller = poller
        self._share = share
        self._metrics = metrics
        self._consumed = metrics.consuming(poller.topic)

    @property
    def has_any(self) -> bool:
        """Whether any partition is assigned."""
        return bool(self._poller.partitions)

    async def follow(self) -> None:
        """Assign the partitions leased now; first report records that were deleted before they were read.

        Raises:
            KafkaError, TimeoutError: the starting offsets are unknown.
            StoreError: a gap could not be recorded, so its partition must wait.
        """
        topic_id = self._share.topic_id
        if await self._poller.assign(self._share.leases, topic_id):
            self._share.reads(self._poller.partitions, topic_id)
        if gaps := self._poller.gaps:
            await self._share.note_gaps(gaps)
            for gap in gaps:
                self._tell(gap)
            gaps.clear()

    async def poll(self, *, max_records: int) -> Poll:
        """Return the next records; raises as the poller does."""
        poll = await self._poller.poll(max_records=max_records)
        if poll:
            self._consumed.inc(sum(map(len, poll.values())))
        return poll

    def undo(self) -> None:
        """Rewind to the last settled position."""
        self._poller.undo()

    async def settle(self, owed: Iterable[Place] = ()) -> None:
        """Record that everything polled is safe, in each partition up to the first record `owed`.

        Commits it, unless the leases may have been lost.
        """
        await self._poller.settle(owed)
        if self._share.is_sure:
            await self._poller.commit()

    def _tell(self, gap: Gap) -> None:
        lost = gap.end_offset - gap.begin_offset
        self._metrics.lost.inc(lost)
        log.error(
            "partition.records_lost",
            topic=self._poller.topic,
            partition=gap.partition,
            first_offset=gap.begin_offset,
            last_offset=gap.end_offset - 1,
            records=lost,
            advice="deleted by the broker before they were read; see `instagram-feed doctor`",
        )
