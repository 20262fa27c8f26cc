"""Reading ranges of a topic from their next offset to their end."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from consumer.kafka.poller import source_record
from repository.operations.replays import PartitionRange
from schemas.dead_letter import original_record
from schemas.record import SourceRecord

POLL_MS = 500
MOST_PER_BATCH = 500
SILENT_POLLS = 6  # then the broker is asked whether it is there; if so, the rest of the range holds no records


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the order of their partitions, and the offsets that come after them."""

    records: Sequence[SourceRecord]
    reached: Mapping[int, int]


async def batches(
    reader: "AIOKafkaConsumer[bytes, bytes]", topic: str, ranges: Sequence[PartitionRange]
) -> AsyncIterator[Batch]:
    """Yield the records of the ranges. A dead letter comes as the record it was made of.

    Offsets have gaps (compaction, transactions), so a range may end before its last offset.

    Raises:
        KafkaError: the broker does not answer any more.
    """
    ends = {TopicPartition(topic, one.partition): one.end for one in ranges if one.next < one.end}
    reader.assign(list(ends))
    for one in ranges:
        if one.next < one.end:
            reader.seek(TopicPartition(topic, one.partition), one.next)
    silent = 0
    while ends:
        poll = await reader.getmany(*ends, timeout_ms=POLL_MS, max_records=MOST_PER_BATCH)
        silent = 0 if poll else silent + 1
        if silent >= SILENT_POLLS:
            await reader.end_offsets(list(ends))
            yield Batch((), {partition.partition: end for partition, end in ends.items()})
            return
        yield _batch(poll, ends)
        ends = {one: end for one, end in ends.items() if not _is_read(poll.get(one), end)}


def _batch(
    poll: Mapping[TopicPartition, Sequence["ConsumerRecord[bytes, bytes]"]], ends: Mapping[TopicPartition, int]
) -> Batch:
    records = [
        original_record(source_record(one))
        for partition, found in poll.items()
        for one in found
        if one.offset < ends[partition]
    ]
    reached = {
        partition.partition: min(found[-1].offset + 1, ends[partition]) for partition, found in poll.items() if found
    }
    return Batch(records, reached)


def _is_read(found: "Sequence[ConsumerRecord[bytes, bytes]] | None", end: int) -> bool:
    return bool(found) and found[-1].offset + 1 >= end  # type: ignore[index]
