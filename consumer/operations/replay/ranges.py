"""Where a replay begins and ends: as offsets of each partition."""

from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.operations.replay.boundaries import Boundary, RangeError
from repository.operations.replays import PartitionRange


def chosen_partitions(topic: str, numbers: Sequence[int], partition: int | None) -> list[TopicPartition]:
    """Return the partitions to read, of those that the topic has.

    Raises:
        RangeError: it has none, or not this one.
    """
    if not numbers:
        raise RangeError(f"--topic: the broker has no topic {topic}")
    if partition is not None and partition not in numbers:
        raise RangeError(f"--partition: {topic} has partitions 0 to {len(numbers) - 1}, not {partition}")
    return [TopicPartition(topic, number) for number in numbers if partition in {None, number}]


async def resolve(
    reader: "AIOKafkaConsumer[bytes, bytes]", partitions: Sequence[TopicPartition], begin: Boundary, end: Boundary
) -> list[PartitionRange]:
    """Return the offsets that the boundaries mean now, for each partition that has any between them.

    Raises:
        RangeError: an offset that is not there or is not of one partition, nothing between the ends.
    """
    if "offset" in {begin.kind, end.kind} and len(partitions) > 1:
        raise RangeError(f"--from, --to: an offset is of one partition, here are {len(partitions)}: add --partition")
    first, last = await reader.beginning_offsets(partitions), await reader.end_offsets(partitions)
    begins = await _offsets(reader, begin, first, last, option="--from")
    ends = await _offsets(reader, end, first, last, option="--to")
    ranges = [PartitionRange(one.partition, begins[one], ends[one], begins[one]) for one in partitions]
    found = [one for one in ranges if one.begin < one.end]
    if not found:
        raise RangeError(f"the range is empty: {partitions[0].topic} has no record between --from and --to")
    return found


async def _offsets(
    reader: "AIOKafkaConsumer[bytes, bytes]",
    boundary: Boundary,
    first: Mapping[TopicPartition, int],
    last: Mapping[TopicPartition, int],
    *,
    option: str,
) -> Mapping[TopicPartition, int]:
    match boundary.kind:
        case "earliest":
            return first
        case "latest":
            return last
        case "offset":
            return {one: _within(boundary.value, first[one], last[one], option) for one in first}
        case "time":
            found = await reader.offsets_for_times(dict.fromkeys(first, boundary.value))
            # no record is as late as that: the range reaches to the end
            return {one: last[one] if found.get(one) is None else found[one].offset for one in first}


def _within(offset: int, first: int, last: int, option: str) -> int:
    if not first <= offset <= last:
        raise RangeError(f"{option}: offset {offset} is not there, the partition has {first} to {last}")
    return offset
