"""The poller: reads the partitions leased here, and commits processed offsets to the group.

It wraps aiokafka's consumer with manually assigned partitions: no group protocol, so nothing to keep alive. It works
around three behaviours: a failed poll drops what was fetched of other partitions, a changed assignment drops the
positions of those that stay, and without a starting offset aiokafka would silently choose one.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError, OffsetOutOfRangeError

from consumer.errors import UnreadableRecord
from consumer.kafka.starting_offsets import Start, start_of
from repository.partition_leases import Gap, PartitionLease
from schemas.record import NO_TIMESTAMP, SourceRecord

log = structlog.get_logger()

POLL_MS = 200
ALONE_MS = 500
OFFSETS_TIMEOUT_S = 10.0
COMMIT_TIMEOUT_S = 10.0  # aiokafka retries commits forever when the coordinator is dead (#659)
COMMIT_RETRY_S = 5.0
COMMIT_AGAIN_S = 3_600.0  # the broker drops a group's offset that is not committed for a week


Poll = Mapping[TopicPartition, Sequence["ConsumerRecord[bytes, bytes]"]]
Place = tuple[int, int]
"""Partition and offset of a record."""
_Hold = tuple[int, UUID | None]


@dataclass(slots=True)
class _Partition:
    """How far a partition has been read, and under which lease: its token and the topic's id."""

    hold: _Hold
    position: int
    committed: int | None
    committed_at_s: float


class Poller:
    """Reads one topic. Offsets move only by `settle`, once everything polled is safe; `undo` goes back."""

    def __init__(self, consumer: "AIOKafkaConsumer[bytes, bytes]", topic: str) -> None:
        self.topic = topic
        self._consumer = consumer
        self._partitions: dict[TopicPartition, _Partition] = {}
        self._turns: deque[TopicPartition] = deque()
        self._commit_from_s = 0.0
        self.gaps: list[Gap] = []

    @property
    def partitions(self) -> frozenset[int]:
        """The assigned partitions."""
        return frozenset(one.partition for one in self._partitions)

    @property
    def lag(self) -> int:
        """How many records of these partitions are unread, as last reported by the broker."""
        ends = ((self._consumer.highwater(one), state) for one, state in self._partitions.items())
        return sum(max(0, end - state.position) for end, state in ends if end is not None)

    async def group_lag(self, partitions: Collection[int]) -> dict[int, int]:
        """Return the group's lag by partition, whichever process reads it.

        Raises:
            KafkaError, TimeoutError: the broker does not respond.
        """
        places = [TopicPartition(self.topic, number) for number in partitions]
        async with asyncio.timeout(OFFSETS_TIMEOUT_S):
            first = await self._consumer.beginning_offsets(places)
            end = await self._consumer.end_offsets(places)
            reached = [await self._reached_by_group(one) for one in places]
        return {
            one.partition: max(0, end[one] - max(first[one], offset or 0))
            for one, offset in zip(places, reached, strict=True)
        }

    async def _reached_by_group(self, one: TopicPartition) -> int | None:
        """Return the committed offset; for partitions read here it is known."""
        state = self._partitions.get(one)
        return state.position if state is not None else await self._consumer.committed(one)

    async def assign(self, leases: Mapping[int, PartitionLease], topic_id: UUID | None) -> bool:
        """Assign exactly these partitions; those assigned before continue from their position.

        Lost records of new ones are added to `gaps`. Returns whether anything changed.

        Raises:
            KafkaError, TimeoutError: the starting offsets are unknown; nothing was changed.
        """
        holds = {TopicPartition(self.topic, one): (leases[one].fencing_token, topic_id) for one in leases}
        if holds == {one: state.hold for one, state in self._partitions.items()}:
            return False
        kept = {one: state for one, state in self._partitions.items() if state.hold == holds.get(one)}
        begun = await self._begin({one: leases[one.partition] for one in holds.keys() - kept.keys()}, topic_id)
        self._partitions = kept | begun
        self._turns = deque(self._partitions)
        self._consumer.assign(list(self._partitions))
        self.undo()
        return True

    async def poll(self, *, max_records: int) -> Poll:
        """Return records of the partitions; empty after a moment without any.

        Raises:
            KafkaError: a partition cannot be read now.
            UnreadableRecord: a batch cannot be read at all, and nothing precedes it.
        """
        try:
            return await self._in_turn(max_records) or await self._consumer.getmany(
                timeout_ms=POLL_MS, max_records=max_records
            )
        except UnicodeDecodeError as error:
            return await self._up_to_unreadable(max_records, error)
        except OffsetOutOfRangeError as error:
            self._begin_anew(error.args[0])
            raise

    def undo(self) -> None:
        """Rewind to the last settled position."""
        for one, state in self._partitions.items():
            self._consumer.seek(one, state.position)

    async def settle(self, owed: Iterable[Place] = ()) -> None:
        """Note that all that was polled is safe, in partitions of what is `owed` as far as the first of that.

        It is by position, which passes the marks of transactions too.
        """
        first_owed: dict[int, int] = {}
        for partition, offset in owed:
            first_owed[partition] = min(offset, first_owed.get(partition, offset))
        for one, state in self._partitions.items():
            polled = await self._consumer.position(one)
            state.position = max(state.position, min(polled, first_owed.get(one.partition, polled)))

    async def commit(self) -> None:
        """Commit the settled positions that have moved.

        A failed commit is harmless: the records are read again, and the ledger knows them.
        """
        now_s = time.monotonic()
        due = {one: state.position for one, state in self._partitions.items() if _is_due(state, now_s)}
        if not due or now_s < self._commit_from_s:
            return
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                await self._consumer.commit(due)
        except (KafkaError, TimeoutError) as error:
            self._commit_from_s = time.monotonic() + COMMIT_RETRY_S
            log.warning("commit.failed", error=_commit_problem(error))
        else:
            for one, offset in due.items():
                self._partitions[one].committed, self._partitions[one].committed_at_s = offset, now_s

    async def _in_turn(self, max_records: int) -> Poll:
        """Return fetched records in even shares: aiokafka would empty one partition before the next (#525)."""
        self._turns.rotate(-1)
        polled: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = defaultdict(list)
        asked, room = list(self._turns), max_records
        while asked and room:
            share = -(-room // len(asked))
            for one in list(asked):
                if quota := min(share, room):
                    found = (await self._consumer.getmany(one, timeout_ms=0, max_records=quota)).get(one, [])
                    polled[one] += found
                    room -= len(found)
                    if len(found) < quota:
                        asked.remove(one)
        return {one: records for one, records in polled.items() if records}

    async def _begin(
        self, leases: Mapping[TopicPartition, PartitionLease], topic_id: UUID | None
    ) -> dict[TopicPartition, _Partition]:
        if not leases:
            return {}
        async with asyncio.timeout(OFFSETS_TIMEOUT_S):
            committed = dict(zip(leases, await asyncio.gather(*map(self._consumer.committed, leases)), strict=True))
            first = await self._consumer.beginning_offsets(leases)
            end = await self._consumer.end_offsets(leases)
        begun = {}
        for one, lease in leases.items():
            is_same_topic = None in (lease.topic_id, topic_id) or lease.topic_id == topic_id
            known = self._reached(one, committed[one])
            start = start_of(known, first=first[one], end=end[one], is_same_topic=is_same_topic)
            self._tell(one, start)
            safe = None if start.is_new_topic else committed[one]
            begun[one] = _Partition((lease.fencing_token, topic_id), start.offset, safe, time.monotonic())
        return begun

    def _reached(self, one: TopicPartition, committed: int | None) -> int | None:
        """Return the position reached: records read but not committed are not lost, even if deleted since."""
        reached = self._partitions.get(one)
        return committed if reached is None else max(reached.position, committed or 0)

    def _tell(self, one: TopicPartition, start: Start) -> None:
        if start.is_new_topic:
            log.warning("partition.begun_anew", topic=one.topic, partition=one.partition, offset=start.offset)
        if start.lost_from is not None:
            self.gaps.append(Gap(one.partition, start.lost_from, start.offset))

    def _begin_anew(self, out_of_range: Iterable[TopicPartition]) -> None:
        """Let the next `assign` determine the starting offsets of these again."""
        for one in out_of_range:
            if one in self._partitions:
                self._partitions[one].hold = (0, None)

    async def _up_to_unreadable(self, max_records: int, error: UnicodeDecodeError) -> Poll:
        """Return the records before an unreadable batch, so that skipping the batch loses none of them.

        Raises:
            UnreadableRecord: there are none; the error names the position.
        """
        for one in self._partitions:
            self.undo()
            try:
                await self._consumer.getmany(one, timeout_ms=ALONE_MS, max_records=max_records)
            except UnicodeDecodeError:
                if found := await self._one_by_one(one, max_records):
                    return {one: found}
                offset = self._partitions[one].position
                place = f"{one.topic}, partition {one.partition}, at offset {offset} or soon after"
                raise UnreadableRecord(place) from error
            except KafkaError:
                continue
        raise UnreadableRecord("in a partition that cannot be asked now") from error

    async def _one_by_one(self, one: TopicPartition, most: int) -> "list[ConsumerRecord[bytes, bytes]]":
        """Read a partition up to the unreadable batch; the others are at their settled positions."""
        self.undo()
        found: list[ConsumerRecord[bytes, bytes]] = []
        with suppress(UnicodeDecodeError):
            while len(found) < most and (
                polled := await self._consumer.getmany(one, timeout_ms=ALONE_MS, max_records=1)
            ):
                found += polled[one]
        if found:
            self._consumer.seek(one, found[-1].offset + 1)
        return found


def source_record(record: "ConsumerRecord[bytes, bytes]") -> SourceRecord:
    """Convert a record; one without a timestamp (from a topic of format 0.9) gets Kafka's -1."""
    timestamp_ms = NO_TIMESTAMP if record.timestamp is None else record.timestamp
    headers = tuple(record.headers)
    return SourceRecord(record.topic, record.partition, record.offset, timestamp_ms, record.key, record.value, headers)


def _is_due(state: _Partition, now_s: float) -> bool:
    return state.committed != state.position or now_s - state.committed_at_s > COMMIT_AGAIN_S


def _commit_problem(error: BaseException) -> str:
    if isinstance(error, CommitFailedError):
        return (
            "the group has members of its own: another program, or this one in a version that reads as a group, uses "
            "KAFKA_GROUP_ID; offsets are committed when it has ended"
        )
    return f"{type(error).__name__}: {error}"
