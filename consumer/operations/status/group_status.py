"""A snapshot of a group: its processes and their partitions, its lag, its work, and lost records."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from consumer.kafka.sessions import BrokerUnavailable
from consumer.operations.status.offsets import PartitionOffsets, group_offsets
from consumer.settings import KafkaSettings
from repository.ledger_figures import OutboxDepth, UnfinishedWork, outbox_depth, unfinished_work
from repository.operations import intake_status
from repository.operations.ignored_days import ignored_days
from repository.operations.intake_status import GapStatus, ProcessStatus, WaitingRequest, WaitingTenant, WorkStatus
from repository.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatus:
    """A group at one moment. `kafka_problem`: why its offsets are unknown.

    `ignored`: records skipped since yesterday for their event type, by type, by whichever group.
    """

    group_id: str
    topic: str
    processes: Sequence[ProcessStatus]
    offsets: Sequence[PartitionOffsets]
    kafka_problem: str | None
    work: Sequence[WorkStatus]
    oldest_waiting: WaitingRequest | None
    waiting_tenants: Sequence[WaitingTenant]
    unfinished: Sequence[UnfinishedWork]
    outbox: OutboxDepth
    gaps: Sequence[GapStatus]
    left_by_other_groups: dict[str, int]
    ignored: Mapping[str, int]

    @property
    def owners(self) -> dict[int, str]:
        """The reader of each partition that is read."""
        return {partition: process.owner for process in self.processes for partition in process.partitions}

    def lag_of(self, partitions: Sequence[int]) -> int | None:
        """Return the total lag of some partitions; None if unknown."""
        if self.kafka_problem:
            return None
        return sum(offsets.lag for offsets in self.offsets if offsets.partition in partitions)

    @property
    def unread(self) -> list[int]:
        """The partitions without a reader."""
        return [offsets.partition for offsets in self.offsets if offsets.partition not in self.owners]


async def look(connection: Connection, settings: KafkaSettings) -> GroupStatus:
    """Take a snapshot; works without the broker, but not without the database.

    Raises:
        StoreError: the database does not say.
    """
    group_id, topic = settings.kafka_group_id, settings.overlay_completed_topic
    offsets, problem = await _offsets(settings)
    return GroupStatus(
        group_id=group_id,
        topic=topic,
        processes=await intake_status.processes(connection, group_id, topic),
        offsets=offsets,
        kafka_problem=problem,
        work=await intake_status.work(connection, group_id),
        oldest_waiting=await intake_status.oldest_waiting(connection, group_id),
        waiting_tenants=await intake_status.waiting_tenants(connection, group_id),
        unfinished=await unfinished_work(connection, group_id),
        outbox=await outbox_depth(connection),
        gaps=await intake_status.gaps(connection, group_id, topic),
        left_by_other_groups=await intake_status.left_by_other_groups(connection, group_id),
        ignored=await _ignored(connection),
    )


async def _ignored(connection: Connection) -> Mapping[str, int]:
    records = Counter[str]()
    for day in await ignored_days(connection, since=datetime.now(UTC).date() - timedelta(days=1)):
        records[day.event_type] += day.records
    return records


async def _offsets(settings: KafkaSettings) -> tuple[list[PartitionOffsets], str | None]:
    try:
        return await group_offsets(settings), None
    except BrokerUnavailable as error:
        return [], str(error)
