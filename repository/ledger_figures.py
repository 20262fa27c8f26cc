"""How much work there is, as the whole ledger has it: counted cheaply enough to be asked every few seconds.

The counts go down `idx_feed_requests_unfinished`, which has no finished request in it, and touch no row of the
table that has been vacuumed since.
"""

from dataclasses import dataclass
from datetime import datetime

from repository.pool import Connection
from schemas.request_state import RequestState


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedWork:
    """The requests in one state that last met with one reason (None: with none), and when the oldest was taken in."""

    state: RequestState
    reason: str | None
    requests: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxDepth:
    """The events that are not published yet, and since when the oldest of them waits."""

    events: int
    oldest_at: datetime | None


_UNFINISHED = """
    SELECT state, last_error_reason AS reason, count(*) AS requests, min(created_at) AS oldest_at
    FROM feed_requests
    WHERE state NOT IN ('done', 'failed') AND (group_id = $1 OR group_id IS NULL)
    GROUP BY state, last_error_reason
    ORDER BY state, requests DESC
"""


async def unfinished_work(connection: Connection, group_id: str) -> list[UnfinishedWork]:
    """Return the requests without an end that this group works on, by state and last reason."""
    rows = await connection.fetch(_UNFINISHED, group_id)
    return [UnfinishedWork(**dict(row) | {"state": RequestState(row["state"])}) for row in rows]


# the oldest by id is the oldest by time, give or take a transaction
_OUTBOX = """
    SELECT (SELECT count(*) FROM outbox_events) AS events,
        (SELECT created_at FROM outbox_events ORDER BY outbox_id LIMIT 1) AS oldest_at
"""


async def outbox_depth(connection: Connection) -> OutboxDepth:
    """Return how many events are in the outbox, of all groups."""
    [row] = await connection.fetch(_OUTBOX)
    return OutboxDepth(**dict(row))


async def database_time(connection: Connection) -> datetime:
    """Return the time by the database's clock, which the times in its rows are by."""
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return now
