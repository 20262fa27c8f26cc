"""How the intake stands: who reads what, what is to be done, and what was lost, as an operator looks at it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from repository.pool import Connection
from schemas.request_state import RequestState

EVER_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """A process that reads a topic for a group. `condition`: what it said of itself when it last renewed its lease."""

    owner: str
    started_at: datetime
    is_alive: bool
    partitions: list[int]
    condition: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTenant:
    """How many requests of a tenant wait for a slot, and when the oldest of them was taken in."""

    tenant_id: str
    requests: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStatus:
    """The requests in one state, and when the oldest of them was taken in."""

    state: RequestState
    requests: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRequest:
    """A request that has no post yet."""

    overlay_id: UUID
    revision: int
    state: RequestState
    created_at: datetime
    last_error_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapStatus:
    """Offsets that the broker had deleted before they were read. `known`: requests that the ledger has from there."""

    partition: int
    begin_offset: int
    end_offset: int
    noticed_at: datetime
    known: int


_PROCESSES = """
    SELECT
        member.owner, member.started_at, member.expires_at > now() AS is_alive, member.condition::text AS condition,
        coalesce(array_agg(lease.partition ORDER BY lease.partition) FILTER (WHERE lease.partition IS NOT NULL), '{}')
            AS partitions
    FROM intake_members AS member
    LEFT JOIN partition_leases AS lease USING (group_id, topic, owner)
    WHERE member.group_id = $1 AND member.topic = $2
    GROUP BY member.group_id, member.topic, member.owner
    ORDER BY member.started_at, member.owner
"""


async def processes(connection: Connection, group_id: str, topic: str) -> list[ProcessStatus]:
    """Return the members of the group, the oldest first."""
    rows = await connection.fetch(_PROCESSES, group_id, topic)
    return [ProcessStatus(**dict(row) | {"condition": json.loads(row["condition"])}) for row in rows]


_WORK = """
    SELECT state, count(*) AS requests, min(created_at) AS oldest_at
    FROM feed_requests
    WHERE group_id = $1 OR group_id IS NULL
    GROUP BY state
    ORDER BY state
"""


async def work(connection: Connection, group_id: str) -> list[WorkStatus]:
    """Return the requests that this group works on, by state."""
    rows = await connection.fetch(_WORK, group_id)
    return [WorkStatus(**dict(row) | {"state": RequestState(row["state"])}) for row in rows]


MOST_TENANTS = 10

_WAITING_TENANTS = """
    SELECT tenant_id, count(*) AS requests, min(created_at) AS oldest_at
    FROM feed_requests
    WHERE state = 'waiting' AND available_at <= now() AND (group_id = $1 OR group_id IS NULL)
    GROUP BY tenant_id
    ORDER BY requests DESC, tenant_id
    LIMIT $2
"""


async def waiting_tenants(connection: Connection, group_id: str) -> list[WaitingTenant]:
    """Return the tenants with the most requests that wait for a slot."""
    rows = await connection.fetch(_WAITING_TENANTS, group_id, MOST_TENANTS)
    return [WaitingTenant(**row) for row in rows]


_OLDEST_WAITING = """
    SELECT overlay_id, revision, state, created_at, last_error_reason
    FROM feed_requests
    WHERE state NOT IN ('done', 'failed') AND (group_id = $1 OR group_id IS NULL)
    ORDER BY created_at
    LIMIT 1
"""


async def oldest_waiting(connection: Connection, group_id: str) -> WaitingRequest | None:
    """Return the request that has been without a post for longest."""
    row = await connection.fetchrow(_OLDEST_WAITING, group_id)
    return None if row is None else WaitingRequest(**dict(row) | {"state": RequestState(row["state"])})


_LEFT_BY_OTHERS = """
    SELECT group_id, count(*) AS requests
    FROM feed_requests AS request
    WHERE state NOT IN ('done', 'failed') AND group_id <> $1
        AND NOT EXISTS (
            SELECT FROM intake_members AS member WHERE member.group_id = request.group_id AND expires_at > now()
        )
    GROUP BY group_id
"""


async def left_by_other_groups(connection: Connection, group_id: str) -> dict[str, int]:
    """Return how many requests each other group has left unfinished, of which no process lives."""
    rows = await connection.fetch(_LEFT_BY_OTHERS, group_id)
    return {row["group_id"]: row["requests"] for row in rows}


_GAPS = """
    SELECT partition, begin_offset, end_offset, noticed_at, (
        SELECT count(*) FROM feed_requests
        WHERE source_topic = gap.topic AND source_partition = gap.partition
            AND source_offset >= gap.begin_offset AND source_offset < gap.end_offset
    ) AS known
    FROM intake_gaps AS gap
    WHERE ($1::text IS NULL OR (group_id, topic) = ($1, $2)) AND noticed_at > now() - $3 * interval '1 day'
    ORDER BY noticed_at DESC, partition
    LIMIT 20
"""


async def gaps(connection: Connection, group_id: str, topic: str) -> list[GapStatus]:
    """Return what one group has lost, the newest first."""
    return [GapStatus(**dict(row)) for row in await connection.fetch(_GAPS, group_id, topic, EVER_DAYS)]


async def recent_gaps(connection: Connection, *, days: int) -> list[GapStatus]:
    """Return what any group has lost lately, the newest first."""
    return [GapStatus(**dict(row)) for row in await connection.fetch(_GAPS, None, None, days)]
