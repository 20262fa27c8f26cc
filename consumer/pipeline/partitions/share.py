"""This process's share of the topic's partitions: leased in Postgres, so that no process waits for another.

A process that joins requests its share; those that hold more than theirs release the surplus after their next poll. A
killed process is noticed by its beacon, a frozen one by its lease. Two processes may briefly read the same partition
without harm: the ledger takes each event once, and a process commits only while it is certain of its lease.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from uuid import UUID

import structlog
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from consumer.kafka.topic_description import TopicDescription
from consumer.pipeline.backoff import Backoff
from consumer.pipeline.partitions.balance import balanced
from consumer.telemetry.watchdog import Beat, unwatched
from repository import partition_leases
from repository.beacon import Beacon
from repository.errors import StoreError
from repository.partition_leases import Gap, Member, PartitionLease
from repository.pool import Connection, Pool, connection

log = structlog.get_logger()

PARTITION_LEASE_S = 6.0
ROUND_S = 1.0
HURRY_S = 0.1  # while another process is to release a partition that this one waits for
TOPIC_LOOK_S = 3.0
TOPIC_ANSWER_S = 5.0
UNSEEN_S = 15.0  # then the brokers count as unreachable


class PartitionShare:
    """The partitions leased by this process, kept up to date. The intake reports which ones it reads.

    Without a beacon, a killed process is noticed when its lease expires.
    """

    def __init__(
        self,
        pool: Pool,
        beacon: Beacon | None,
        describe_topic: Callable[[str], Awaitable[TopicDescription]],
        member: Member,
        *,
        condition: Callable[[], Mapping[str, object]],
    ) -> None:
        self.leases: Mapping[int, PartitionLease] = {}
        self._topic_problem: str | None = None
        self._lease_problem: str | None = None
        self._pool = pool
        self._beacon = beacon
        if beacon is not None:
            beacon.on_hint = self.hurry
        self._describe_topic = describe_topic
        self._member = member
        self._condition = condition
        self._topic = TopicDescription(None, frozenset())
        self._looked_at_s = -math.inf
        self._seen_at_s = -math.inf
        self._leased_at_s = -math.inf
        self._is_read: Collection[int] = frozenset()
        self._read_topic_id: UUID | None = None
        self._is_waiting = False
        self._hurry = asyncio.Event()
        self._backoff = Backoff()

    @property
    def unavailable_reason(self) -> str | None:
        """Why nothing can be leased now; None while it can."""
        return self._lease_problem or self._topic_problem

    @property
    def topic_id(self) -> UUID | None:
        """The id of the topic when it was last described."""
        return self._topic.topic_id

    @property
    def all_partitions(self) -> Collection[int]:
        """All partitions of the topic when it was last described."""
        return self._topic.partitions

    @property
    def is_sure(self) -> bool:
        """Whether it is certain that no other process has taken these partitions over."""
        return time.monotonic() - self._leased_at_s <= PARTITION_LEASE_S * 2 / 3

    def hurry(self) -> None:
        """Start the next round now."""
        self._hurry.set()

    def reads(self, partitions: Collection[int], topic_id: UUID | None) -> None:
        """Record which partitions of which topic are being read: others can be given back."""
        self._is_read, self._read_topic_id = partitions, topic_id
        self.hurry()

    async def run(self, beat: Beat = unwatched) -> None:
        """Keep the share up to date forever."""
        while True:
            beat()
            self._hurry.clear()
            try:
                await self.run_once()
            except (StoreError, KafkaError, OSError, TimeoutError) as error:
                self._fail(error)
                await asyncio.sleep(self._backoff.after_failure_s())
            else:
                self._lease_problem, self._backoff = None, Backoff()
                await self._pause(HURRY_S if self._is_waiting else ROUND_S)

    async def run_once(self) -> int:
        """Renew the leases, release partitions beyond the share, take free ones up to it.

        Returns how many partitions this process should read.

        Raises:
            StoreError: the leases could not be renewed.
            KafkaError, OSError, TimeoutError: the topic could never be described.
        """
        await self._look_at_topic()
        beacon = await self._beacon.lit() if self._beacon else None
        async with connection(self._pool) as borrowed:
            asked_at_s = time.monotonic()
            async with partition_leases.sharing(borrowed, self._member):
                leases = await self._share(borrowed, beacon)
        self._leased_at_s = asked_at_s
        if leases.keys() != self.leases.keys():
            log.info("partitions.assigned", topic=self._member.topic, partitions=sorted(leases))
        self.leases = leases
        return len(leases)

    async def note_gaps(self, gaps: Collection[Gap]) -> None:
        """Record lost records in the database.

        Raises:
            StoreError: it could not be written.
        """
        async with connection(self._pool) as borrowed:
            await partition_leases.note_gaps(borrowed, self._member, list(gaps))

    async def leave(self) -> None:
        """Release all partitions and leave.

        Raises:
            StoreError: the leases will expire by themselves.
        """
        self.leases = {}
        async with connection(self._pool) as borrowed:
            await partition_leases.leave(borrowed, self._member)
        if self._beacon is not None:
            await self._beacon.put_out()

    async def _share(self, borrowed: Connection, beacon: int | None) -> dict[int, PartitionLease]:
        member, me = self._member, self._member.owner
        is_new = await partition_leases.renew(
            borrowed, member, lease_s=PARTITION_LEASE_S, beacon=beacon, condition=self._condition()
        )
        for name in await partition_leases.bury(borrowed, member, lease_s=PARTITION_LEASE_S):
            log.warning("partitions.owner_lost", owner=name)
        holders = await partition_leases.holders(borrowed, member)
        target = balanced(self._topic.partitions, await partition_leases.members(borrowed, member), holders)
        mine = {partition for partition, owner in target.items() if owner == me}
        surplus = {partition for partition, owner in holders.items() if owner == me} - mine - set(self._is_read)
        if free := mine - holders.keys():
            await partition_leases.take(borrowed, member, free)
        if surplus:
            await partition_leases.give_back(borrowed, member, surplus)
        if self._read_topic_id and self._is_read:
            await partition_leases.note_topic(borrowed, member, self._read_topic_id, self._is_read)
        if is_new or surplus:
            await partition_leases.hint(borrowed, member)
        self._is_waiting = any(holders.get(partition, me) != me for partition in mine)
        leases = await partition_leases.leases_of(borrowed, member)
        return {lease.partition: lease for lease in leases if lease.partition in mine}

    async def _look_at_topic(self) -> None:
        """Describe the topic every few seconds; while Kafka does not answer, the last description is used."""
        if time.monotonic() < self._looked_at_s + TOPIC_LOOK_S:
            return
        try:
            async with asyncio.timeout(TOPIC_ANSWER_S):
                self._topic = await self._describe_topic(self._member.topic)
        except (UnknownTopicOrPartitionError, TopicAuthorizationFailedError) as error:
            self._topic = TopicDescription(None, frozenset())
            does = "has no" if isinstance(error, UnknownTopicOrPartitionError) else "does not let this user see"
            self._topic_problem = f"the broker {does} topic {self._member.topic}"
        except (KafkaError, OSError, TimeoutError) as error:
            if self._looked_at_s == -math.inf:
                raise
            log.warning("topic.not_seen", topic=self._member.topic, error=_text(error))
            if time.monotonic() - self._seen_at_s > UNSEEN_S:
                self._topic_problem = f"the brokers do not answer: {_text(error)}"
        else:
            self._topic_problem = None
            self._seen_at_s = time.monotonic()
        self._looked_at_s = time.monotonic()

    def _fail(self, error: BaseException) -> None:
        self._lease_problem = f"partitions cannot be leased: {_text(error)}"
        log.warning("partitions.not_leased", error=_text(error))

    async def _pause(self, pause_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._hurry.wait()


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
