"""Topics on the measured broker: made for a run, filled with a backlog, counted from outside."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from consumer.kafka.topics import WantedTopic, create_missing

BATCH_BYTES = 512 * 1_024
POLL_S = 0.05
READ_BYTES = 8 * 1_024 * 1_024


@asynccontextmanager
async def existing_topics(bootstrap_servers: str, names: Sequence[str], *, partitions: int) -> AsyncIterator[None]:
    """Have topics of these names while the block runs.

    Raises:
        KafkaError: the broker refuses to create them.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await create_missing(admin, [WantedTopic(name, partitions, replication=1, configs={}) for name in names])
        yield
        await admin.delete_topics(list(names))
    finally:
        await admin.close()


async def fill(bootstrap_servers: str, topic: str, records: Iterable[tuple[bytes, bytes]]) -> None:
    """Write all records and wait until the broker has them."""
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, max_batch_size=BATCH_BYTES, linger_ms=5
    ) as producer:
        for key, value in records:
            await producer.send(topic, value, key)
        await producer.flush()


class Count(Protocol):
    """Something that grows and can be asked for."""

    async def read(self) -> int:
        """Return the count at this moment."""


class RecordCount:
    """How many records a topic has, asked of the broker: end offsets of all partitions, summed."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._topic = topic
        self._consumer: Any = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers)

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        # a fetch that waits for records would hold up each question for half a second
        self._consumer.pause(*self._consumer.assignment())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def read(self) -> int:
        """Return the count at this moment."""
        partitions = [
            TopicPartition(self._topic, number) for number in self._consumer.partitions_for_topic(self._topic)
        ]
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(partitions)
        return sum(ends.values())


class CommittedCount:
    """How many records of a topic a consumer group has behind it: its committed offsets, summed."""

    def __init__(self, bootstrap_servers: str, group_id: str) -> None:
        self._group_id = group_id
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)

    async def __aenter__(self) -> Self:
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()

    async def read(self) -> int:
        """Return the count at this moment."""
        try:
            committed = await self._admin.list_consumer_group_offsets(self._group_id)
        except GroupCoordinatorNotAvailableError:
            # the broker knows nobody of its groups until the first one joins
            return 0
        return sum(max(0, offset.offset) for offset in committed.values())


async def until_count(records: Count, wanted: int, require_progress: Callable[[], None]) -> float:
    """Wait until there are that many; `require_progress` is called meanwhile and may raise.

    Returns the moment on the clock of `time.perf_counter`.
    """
    while await records.read() < wanted:
        require_progress()
        await asyncio.sleep(POLL_S)
    return time.perf_counter()


async def record_times_ms(bootstrap_servers: str, topic: str) -> dict[bytes, int]:
    """Return when each record of a topic was sent, by its key: the timestamp that its producer gave it, in ms."""
    consumer: Any = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest", max_partition_fetch_bytes=READ_BYTES
    )
    times: dict[bytes, int] = {}
    async with consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                for records in (await consumer.getmany(partition, timeout_ms=1_000)).values():
                    times.update((record.key, record.timestamp) for record in records)
    return times
