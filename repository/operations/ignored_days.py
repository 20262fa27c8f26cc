"""What was skipped since it is of another event type, day by day."""

from dataclasses import dataclass
from datetime import date

from repository.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredDay:
    """How many records of a type were skipped on a day in UTC; `last_place` is topic/partition/offset of the last."""

    date: date
    event_type: str
    records: int
    last_place: str


_DAYS = """
    SELECT day AS date, event_type, records,
        concat_ws('/', last_topic, last_partition, last_offset) AS last_place
    FROM feed_ignored_events
    WHERE day >= $1 AND ($2::date IS NULL OR day <= $2)
    ORDER BY day DESC, records DESC, event_type
"""


async def ignored_days(connection: Connection, *, since: date, until: date | None = None) -> list[IgnoredDay]:
    """Return a row for each day and type, the latest day and the most frequent type first; both ends belong to it."""
    return [IgnoredDay(**dict(row)) for row in await connection.fetch(_DAYS, since, until)]
