"""Reading what is leased: the poller follows this process's share, and commits while the leases are sure."""

import structlog

from consumer.kafka.poller import Poll, Poller
from consumer.pipeline.partitions.share import PartitionShare
from consumer.telemetry.metrics.messaging import MessagingMetrics
from repository.partition_leases import Gap

log = structlog.get_logger()


class LeasedPartitions:
    """What an intake reads from."""

    def __init__(self, poller: Poller, share: PartitionShare, metrics: MessagingMetrics) -> None:
        self._poller = poller
        self._share = share
        self._metrics = metrics
        self._consumed = metrics.consuming(poller.topic)

    @property
    def has_any(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._poller.partitions)

    async def follow(self) -> None:
        """Read what is leased now, and let go of what is not; say first what was lost before it could be read.

        Raises:
            KafkaError, TimeoutError: it is not known where to begin.
            StoreError: a gap could not be noted, so its partition must wait.
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
        """Return records to be taken in; raises as the poller does."""
        poll = await self._poller.poll(max_records=max_records)
        if poll:
            self._consumed.inc(sum(map(len, poll.values())))
        return poll

    def undo(self) -> None:
        """Have all that was not settled come again."""
        self._poller.undo()

    async def settle(self) -> None:
        """Note that all that was polled is safe, and commit it; who may have lost a lease leaves that to its heir."""
        await self._poller.settle()
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
