"""Requests that any process may claim: queued ones that are due, and those whose process was lost.

Both are claimed by one statement, lost ones first. Queued ones are taken by age or, if tenants are given, so many of
each tenant, oldest first: each tenant costs one index descent, however many requests are queued.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repository.columns import one_more
from repository.pool import Connection
from repository.requests import (
    CLAIMED_COLUMNS,
    EXPERIMENT_NAME,
    MAX_TAKEOVERS,
    ClaimedRequest,
    claimed_request,
    identities,
)

# The conditions of the partial indexes, word for word.
_LOST = "(state = 'claimed' OR (state = 'waiting' AND takeovers > 0))"
_WAITS = "(state = 'waiting' AND takeovers = 0)"
_LOST_ONE = "(available.state = 'claimed')::int"

_MAY_BE_TAKEN = """
    available_at <= now()
    AND background = $6
    AND (group_id = $8 OR group_id IS NULL)
    AND (overlay_id, revision) NOT IN (SELECT * FROM unnest($4::uuid[], $5::int[]))
"""

# The inner limit is for the planner: without it, it would rather sort all queued requests.
_BY_AGE = f"""
    SELECT oldest.*
    FROM (
        SELECT overlay_id, revision, state, lease_owner
        FROM feed_requests
        WHERE {_WAITS} AND {_MAY_BE_TAKEN} AND NOT $10
        ORDER BY available_at
        LIMIT $3
        FOR UPDATE SKIP LOCKED
    ) AS oldest
    LIMIT $3 - (SELECT count(*) FROM lost)
"""  # noqa: S608 - no value is in it

_BY_TENANT = f"""
    SELECT theirs.*
    FROM unnest($11::text[], $12::int[]) AS wanted (tenant_id, slots)
    CROSS JOIN LATERAL (
        SELECT overlay_id, revision, state, lease_owner
        FROM feed_requests AS request
        WHERE {_WAITS} AND {_MAY_BE_TAKEN} AND request.tenant_id = wanted.tenant_id
        ORDER BY available_at
        LIMIT wanted.slots
        FOR UPDATE SKIP LOCKED
    ) AS theirs
    LIMIT $3 - (SELECT count(*) FROM lost)
"""  # noqa: S608 - the same


def _claim(waiting: str) -> str:
    return f"""
    WITH lost AS (
        SELECT overlay_id, revision, state, lease_owner
        FROM feed_requests
        WHERE {_LOST} AND {_MAY_BE_TAKEN}
            -- while the database was down nobody could extend a lease: give the holders time to
            AND (state = 'waiting' OR ($7 AND pg_postmaster_start_time() < now() - $2 * interval '1 second'))
            AND ({one_more("takeovers", "(state = 'claimed')::int")} >= $9) = $10
        ORDER BY available_at
        LIMIT $3
        FOR UPDATE SKIP LOCKED
    ),
    waiting AS ({waiting}),
    available AS (SELECT * FROM lost UNION ALL SELECT * FROM waiting)
    UPDATE feed_requests AS request
    SET state = 'claimed',
        lease_owner = $1,
        available_at = now() + $2 * interval '1 second',
        fencing_token = {one_more("request.fencing_token")},
        llm_calls = {one_more("request.llm_calls", _LOST_ONE)},
        unrecorded_call = request.unrecorded_call OR available.state = 'claimed',
        takeovers = {one_more("request.takeovers", _LOST_ONE)},
        updated_at = now()
    FROM available
    WHERE (request.overlay_id, request.revision) = (available.overlay_id, available.revision)
    RETURNING {CLAIMED_COLUMNS}, available.state = 'claimed' AS reclaimed,
        available.lease_owner AS lost_owner, {EXPERIMENT_NAME}
"""  # noqa: S608 - the same


_CLAIM_BY_AGE = _claim(_BY_AGE)
_CLAIM_BY_TENANT = _claim(_BY_TENANT)


async def claim_available(  # noqa: PLR0913 - all that says which requests are meant
    connection: Connection,
    *,
    owner: str,
    lease_s: float,
    limit: int,
    held: Sequence[ClaimedRequest] = (),
    background: bool = False,
    reclaim: bool = True,
    group_id: str | None = None,
    max_takeovers: int = MAX_TAKEOVERS,
    suspects: bool = False,
    tenants: Mapping[str, int] | None = None,
) -> list[ClaimedRequest]:
    """Claim at most `limit` requests, live or background: those of lost processes (`reclaim`), and those that are due.

    Of these the oldest or, with `tenants`, at most so many of each. Requests in `held` are being handled here, and are
    not claimed again even if their lease expired during a pause. Those suspected of killing processes are claimed only
    with `suspects`.
    """
    overlay_ids, revisions, _ = identities(held)
    arguments = (
        owner,
        lease_s,
        limit,
        overlay_ids,
        revisions,
        background,
        reclaim,
        group_id,
        max_takeovers,
        suspects,
    )
    if tenants is None:
        rows = await connection.fetch(_CLAIM_BY_AGE, *arguments)
    else:
        rows = await connection.fetch(_CLAIM_BY_TENANT, *arguments, list(tenants), list(tenants.values()))
    return [claimed_request(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Census:
    """The tenants with due requests, the number of queued live ones (up to a limit), and whether any is lost."""

    live: Sequence[str]
    background: Sequence[str]
    waiting: int
    any_lost: bool


# From one tenant to the next: as many descents of the index as there are tenants.
_CENSUS = f"""
    WITH RECURSIVE first AS (
        (
            SELECT background, tenant_id, available_at
            FROM feed_requests WHERE {_WAITS}
            ORDER BY background, tenant_id, available_at LIMIT 1
        )
        UNION ALL
        SELECT next.*
        FROM first
        CROSS JOIN LATERAL (
            SELECT background, tenant_id, available_at
            FROM feed_requests AS request
            WHERE {_WAITS} AND (request.background, request.tenant_id) > (first.background, first.tenant_id)
            ORDER BY background, tenant_id, available_at LIMIT 1
        ) AS next
    )
    SELECT
        array(SELECT tenant_id FROM first WHERE NOT background AND available_at <= now()) AS live,
        array(SELECT tenant_id FROM first WHERE background AND available_at <= now()) AS background,
        (SELECT count(*) FROM (SELECT FROM feed_requests WHERE {_WAITS} AND NOT background LIMIT $1) AS few) AS waiting,
        EXISTS (SELECT FROM feed_requests WHERE {_LOST} AND available_at <= now()) AS any_lost
"""  # noqa: S608 - the same


async def take_census(connection: Connection, *, count_up_to: int) -> Census:
    """Return which tenants have queued requests, of any group, without taking locks."""
    [row] = await connection.fetch(_CENSUS, count_up_to)
    return Census(**dict(row))
