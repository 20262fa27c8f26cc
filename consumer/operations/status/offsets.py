"""The committed offsets of a group, compared with the topic."""

import asyncio
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from consumer.errors import in_words
from consumer.kafka.sessions import BrokerUnavailable, connected_admin, connected_reader
from consumer.kafka.topics import partitions_of
from consumer.settings import KafkaSettings

ANSWER_S = 10.0
ASK_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """One partition's oldest offset, next offset, and committed offset, if any."""

    partition: int
    first: int
    end: int
    committed: int | None

    @property
    def lag(self) -> int:
        """How many available records are not taken in yet."""
        return self.end - max(self.first, self.committed or 0)

    @property
    def lost(self) -> range:
        """The offsets that the broker deleted before they were taken in."""
        return range(self.first if self.committed is None else min(self.committed, self.first), self.first)


async def group_offsets(settings: KafkaSettings) -> list[PartitionOffsets]:
    """Return the offsets of the configured group in its topic.

    Raises:
        BrokerUnavailable: no broker responds, or it refuses.
    """
    topic = settings.overlay_completed_topic
    try:
        async with connected_admin(settings) as admin, asyncio.timeout(ANSWER_S):
            numbers = await partitions_of(admin, topic)
            committed = await _committed(admin, settings.kafka_group_id)
        partitions = [TopicPartition(topic, number) for number in numbers]
        async with connected_reader(settings) as reader, asyncio.timeout(ANSWER_S):
            first = await reader.beginning_offsets(partitions)
            end = await reader.end_offsets(partitions)
    except (KafkaError, TimeoutError) as error:
        raise BrokerUnavailable(f"the broker does not say how the group stands: {in_words(error)}") from error
    known = {one: found.offset for one, found in committed.items() if found.offset >= 0}
    return [PartitionOffsets(one.partition, first[one], end[one], known.get(one)) for one in partitions]


async def _committed(admin: AIOKafkaAdminClient, group_id: str) -> dict[TopicPartition, OffsetAndMetadata]:
    """Return what the group has committed; a broker never asked for a group first makes the topic of offsets."""
    while True:
        try:
            found: dict[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(group_id)
        except KafkaError as error:
            if not error.retriable:
                raise
            await asyncio.sleep(ASK_AGAIN_S)
        else:
            return found
