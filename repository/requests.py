"""The ledger: one `feed_requests` row per (overlay_id, revision), from the first claim to the end.

Every statement takes a whole batch. A lease gives one process the right to work on a request; the
fencing token grows with every claim, so that a process that lost its lease cannot postpone or fail
what another one holds by now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from repository.pool import Connection
from repository.spending import NOTHING_SPENT, Spending
from schemas.record import SourceRecord, pack_headers, unpack_headers

FIRST_REVISION = 1
"""The revision of what an overlay's own event asks for; a person asks for later ones."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A valid event that may or may not be known already."""

    overlay_id: UUID
    revision: int
    tenant_id: str
    job_id: UUID | None
    event_id: str
    source: SourceRecord


@dataclass(frozen=True, slots=True)
class ClaimedRequest:
    """A request this process holds the lease of.

    `unrecorded_call`: a call may have been billed whose outcome nobody recorded.
    """

    overlay_id: UUID
    revision: int
    fencing_token: int
    tenant_id: str
    job_id: UUID | None
    event_id: str
    source: SourceRecord
    attempts: int = 0
    llm_calls: int = 0
    spent: Spending = NOTHING_SPENT
    unrecorded_call: bool = False
    reclaimed: bool = False


@dataclass(frozen=True, slots=True)
class Postponement:
    """Give a request back until `delay_s` from now, with what this handling used up."""

    overlay_id: UUID
    revision: int
    fencing_token: int
    delay_s: float
    attempts: int
    llm_calls: int
    unrecorded_call: bool
    spent: Spending
    reason: str
    detail: str


def columns_of(requests: Sequence[NewRequest]) -> list[list[object]]:
    """Columns for `unnest`, in the order of the fields, the source's spread out."""
    rows = [
        (
            request.overlay_id,
            request.revision,
            request.tenant_id,
            request.job_id,
            request.event_id,
            request.source.topic,
            request.source.partition,
            request.source.offset,
            request.source.timestamp_ms,
            request.source.key,
            request.source.value,
            pack_headers(request.source.headers),
        )
        for request in requests
    ]
    return list(map(list, zip(*rows, strict=True)))


_CLAIM_NEW = """
    INSERT INTO feed_requests (
        overlay_id, revision, state, tenant_id, job_id, event_id, lease_owner, available_at, group_id,
        source_topic, source_partition, source_offset, source_timestamp_ms,
        source_key, source_value, source_headers)
    SELECT overlay_id, revision, 'claimed', tenant_id, job_id, event_id, $1, now() + $2 * interval '1 second', $3,
        source_topic, source_partition, source_offset, source_timestamp_ms,
        source_key, source_value, source_headers
    FROM unnest(
        $4::uuid[], $5::int[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::int[], $11::bigint[],
        $12::bigint[], $13::bytea[], $14::bytea[], $15::bytea[]
    ) AS incoming (
        overlay_id, revision, tenant_id, job_id, event_id, source_topic, source_partition, source_offset,
        source_timestamp_ms, source_key, source_value, source_headers)
    -- one order in all processes: two polls with the same overlays must not deadlock
    ORDER BY overlay_id, revision
    ON CONFLICT (overlay_id, revision) DO NOTHING
    RETURNING overlay_id, revision
"""


async def claim_new(
    connection: Connection, requests: Sequence[NewRequest], *, owner: str, lease_s: float, group_id: str | None = None
) -> list[ClaimedRequest]:
    """Enter the requests that are not known yet, in one statement; the known ones are left alone.

    Only processes of the group work on them, those of any without one.
    Requests must differ in (overlay_id, revision). Returns those that are new, in the order given.
    """
    entered = await connection.fetch(_CLAIM_NEW, owner, lease_s, group_id, *columns_of(requests))
    new = set(map(tuple, entered))
    return [
        ClaimedRequest(
            request.overlay_id,
            request.revision,
            fencing_token=1,
            tenant_id=request.tenant_id,
            job_id=request.job_id,
            event_id=request.event_id,
            source=request.source,
        )
        for request in requests
        if (request.overlay_id, request.revision) in new
    ]


def identities(held: Sequence[ClaimedRequest]) -> tuple[list[UUID], list[int], list[int]]:
    """Columns for `unnest`: overlay, revision and fencing token of each."""
    return (
        [request.overlay_id for request in held],
        [request.revision for request in held],
        [request.fencing_token for request in held],
    )


_CLAIM_AVAILABLE = """
    WITH available AS (
        SELECT overlay_id, revision, state
        FROM feed_requests
        WHERE state IN ('claimed', 'waiting') AND available_at <= now()
            -- while the database was down nobody could extend a lease: give the holders time to
            AND (state = 'waiting' OR ($7 AND pg_postmaster_start_time() < now() - $2 * interval '1 second'))
            AND (overlay_id, revision) NOT IN (SELECT * FROM unnest($4::uuid[], $5::int[]))
            AND background = $6
            AND (group_id = $8 OR group_id IS NULL)
        ORDER BY available_at
        LIMIT $3
        FOR UPDATE SKIP LOCKED
    )
    UPDATE feed_requests AS request
    SET state = 'claimed',
        lease_owner = $1,
        available_at = now() + $2 * interval '1 second',
        fencing_token = request.fencing_token + 1,
        llm_calls = request.llm_calls + (available.state = 'claimed')::int,
        unrecorded_call = request.unrecorded_call OR available.state = 'claimed',
        updated_at = now()
    FROM available
    WHERE (request.overlay_id, request.revision) = (available.overlay_id, available.revision)
    RETURNING request.*, available.state = 'claimed' AS reclaimed
"""


async def claim_available(
    connection: Connection,
    *,
    owner: str,
    lease_s: float,
    limit: int,
    held: Sequence[ClaimedRequest] = (),
    background: bool = False,
    reclaim: bool = True,
    group_id: str | None = None,
) -> list[ClaimedRequest]:
    """Claim at most `limit` requests, live or background: those that are due and, with `reclaim`, those of others.

    What is `held` is being worked on here: after a pause longer than its lease it is not begun a second time.
    """
    overlay_ids, revisions, _ = identities(held)
    rows = await connection.fetch(
        _CLAIM_AVAILABLE, owner, lease_s, limit, overlay_ids, revisions, background, reclaim, group_id
    )
    return [_claimed_request(row) for row in rows]


def _claimed_request(row: asyncpg.Record) -> ClaimedRequest:
    return ClaimedRequest(
        overlay_id=row["overlay_id"],
        revision=row["revision"],
        fencing_token=row["fencing_token"],
        tenant_id=row["tenant_id"],
        job_id=row["job_id"],
        event_id=row["event_id"],
        source=_source_record(row),
        attempts=row["attempts"],
        llm_calls=row["llm_calls"],
        spent=Spending(row["prompt_tokens"], row["cached_prompt_tokens"], row["completion_tokens"], row["cost_usd"]),
        unrecorded_call=row["unrecorded_call"],
        reclaimed=row["reclaimed"],
    )


def _source_record(row: asyncpg.Record) -> SourceRecord:
    return SourceRecord(
        topic=row["source_topic"],
        partition=row["source_partition"],
        offset=row["source_offset"],
        timestamp_ms=row["source_timestamp_ms"],
        key=row["source_key"],
        value=row["source_value"],
        headers=unpack_headers(row["source_headers"]),
    )


_POSTPONE = """
    UPDATE feed_requests AS request
    SET state = 'waiting',
        lease_owner = NULL,
        available_at = now() + later.delay_s * interval '1 second',
        attempts = later.attempts,
        llm_calls = later.llm_calls,
        unrecorded_call = later.unrecorded_call,
        prompt_tokens = later.prompt_tokens,
        cached_prompt_tokens = later.cached_prompt_tokens,
        completion_tokens = later.completion_tokens,
        cost_usd = later.cost_usd,
        last_error_reason = later.reason,
        last_error_detail = later.detail,
        updated_at = now()
    FROM unnest(
        $1::uuid[], $2::int[], $3::bigint[], $4::float8[], $5::int[], $6::int[],
        $7::boolean[], $8::bigint[], $9::bigint[], $10::bigint[], $11::numeric[], $12::text[], $13::text[]
    ) AS later (
        overlay_id, revision, fencing_token, delay_s, attempts, llm_calls,
        unrecorded_call, prompt_tokens, cached_prompt_tokens, completion_tokens, cost_usd, reason, detail)
    WHERE (request.overlay_id, request.revision) = (later.overlay_id, later.revision)
        AND request.fencing_token = later.fencing_token
        AND request.state = 'claimed'
"""


async def postpone(connection: Connection, postponements: Sequence[Postponement]) -> None:
    """Set requests to `waiting` until they are due; those whose lease was lost are passed over."""
    rows = [
        (
            later.overlay_id,
            later.revision,
            later.fencing_token,
            later.delay_s,
            later.attempts,
            later.llm_calls,
            later.unrecorded_call,
            later.spent.prompt_tokens,
            later.spent.cached_prompt_tokens,
            later.spent.completion_tokens,
            later.spent.cost_usd,
            later.reason,
            later.detail,
        )
        for later in postponements
    ]
    await connection.execute(_POSTPONE, *map(list, zip(*rows, strict=True)))
