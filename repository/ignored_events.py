"""Records skipped because of their event type: counted by day and type, with the position of the last one."""

from collections.abc import Sequence
from dataclasses import dataclass

from repository.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredType:
    """How many records of an event type were skipped, and the position of the last one."""

    event_type: str
    records: int
    topic: str
    partition: int
    offset: int


# In the order of the types, so that two processes that count the same ones cannot deadlock.
_COUNT = """
    INSERT INTO feed_ignored_events AS known (
        day, event_type, records, last_topic, last_partition, last_offset, last_seen_at)
    SELECT (now() AT TIME ZONE 'UTC')::date, event_type, records, topic, partition, record_offset, now()
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::int[], $5::bigint[])
        AS seen (event_type, records, topic, partition, record_offset)
    ORDER BY event_type
    ON CONFLICT (day, event_type) DO UPDATE
    SET records = known.records + excluded.records,
        last_topic = excluded.last_topic,
        last_partition = excluded.last_partition,
        last_offset = excluded.last_offset,
        last_seen_at = excluded.last_seen_at
"""


async def count_ignored(connection: Connection, seen: Sequence[IgnoredType]) -> None:
    """Add to today's counts; each type occurs once in `seen`."""
    rows = [(one.event_type, one.records, one.topic, one.partition, one.offset) for one in seen]
    await connection.execute(_COUNT, *map(list, zip(*rows, strict=True)))
