"""The amount of work in the whole ledger, counted cheaply enough for a query every few seconds.

The counts use `idx_feed_requests_unfinished`, which contains no finished request, and touch no vacuumed table row.
"""

from dataclasses import dataclass
from datetime import datetime

from repository.pool import Connection
from schemas.request_state import RequestState


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedWork:
    """The requests in one state with one last reason (None: none), and when the oldest was taken in."""

    state: RequestState
    reason: str | None
    requests: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxDepth:
    """The number of unpublished events, since when the oldest has waited, and how many of them cannot be read."""

    events: int
    oldest_at: datetime | None
    unreadable: int


_UNFINISHED = """
    SELECT state, last_error_reason AS reason, count(*) AS requests, min(created_at) AS oldest_at
    FROM feed_requests
    WHERE state NOT IN ('done', 'failed') AND (group_id = $1 OR group_id IS NULL)
    GROUP BY state, last_error_reason
    ORDER BY state, requests DESC
"""


async def unfinished_work(connection: Connection, group_id: str) -> list[UnfinishedWork]:
    """Return the unfinished requests of this group, by state and last reason."""
    rows = await connection.fetch(_UNFINISHED, group_id)
    return [UnfinishedWork(**dict(row) | {"state": RequestState(row["state"])}) for row in rows]


# the oldest by id is approximately the oldest by time
_OUTBOX = """
    SELECT (SELECT count(*) FROM outbox_events) AS events,
        (SELECT created_at FROM outbox_events ORDER BY outbox_id LIMIT 1) AS oldest_at,
        (SELECT count(*) FROM outbox_events WHERE available_at = 'infinity') AS unreadable
"""


async def outbox_depth(connection: Connection) -> OutboxDepth:
    """Return how many events are in the outbox, of all groups."""
    [row] = await connection.fetch(_OUTBOX)
    return OutboxDepth(**dict(row))


async def database_time(connection: Connection) -> datetime:
    """Return the database's current time, to compare with times in its rows."""
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return now
