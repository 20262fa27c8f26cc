"""Reopening failed requests: for changed content of the same overlay, or because the fault was everybody's."""

from collections.abc import Sequence
from uuid import UUID

from repository.columns import one_more
from repository.locks import LOCK_WAIT_S, lock_wait
from repository.pool import Connection
from repository.requests import (
    EXPERIMENT_NAME,
    FIRST_REVISION,
    NEW_REQUEST,
    ClaimedRequest,
    NewRequest,
    claimed_request,
    source_record,
)
from schemas.record import SourceRecord

_FAILED_SOURCES = f"""
    SELECT request.*
    FROM feed_requests AS request
    WHERE overlay_id = ANY($1::uuid[])
        AND revision = {FIRST_REVISION}
        AND state = 'failed'
        -- where a person has asked for another revision, that one counts
        AND NOT EXISTS (
            SELECT FROM feed_requests AS later
            WHERE later.overlay_id = request.overlay_id AND later.revision > request.revision)
"""  # noqa: S608 - the number is a constant


async def failed_sources(connection: Connection, overlay_ids: Sequence[UUID]) -> dict[UUID, SourceRecord]:
    """Return the events of the failed ones among these overlays."""
    rows = await connection.fetch(_FAILED_SOURCES, overlay_ids)
    return {row["overlay_id"]: source_record(row) for row in rows}


# An overlay keeps its variant.
_KEPT = {"overlay_id", "revision", "experiment_id", "variant"}
_CORRECTED = ", ".join(f"{name} = incoming.{name}" for name in NEW_REQUEST.names if name not in _KEPT)
_REOPEN_CORRECTED = f"""
    UPDATE feed_requests AS request
    SET state = CASE WHEN $5 THEN 'batched' WHEN $1::text IS NULL THEN 'waiting' ELSE 'claimed' END,
        batch_id = NULL,
        lease_owner = $1,
        available_at = now() + $2 * interval '1 second',
        group_id = $3,
        fencing_token = {one_more("request.fencing_token")},
        attempts = 0,
        takeovers = 0,
        unrecorded_call = false,
        references_missing_since = NULL,
        last_error_reason = NULL,
        last_error_detail = NULL,
        finished_at = NULL,
        updated_at = now(),
        {_CORRECTED}
    FROM {NEW_REQUEST.unnest("incoming", first=6)}, {lock_wait(4)}
    WHERE (request.overlay_id, request.revision) = (incoming.overlay_id, incoming.revision)
        AND request.state = 'failed'
    RETURNING request.*, false AS reclaimed, {EXPERIMENT_NAME}
"""  # noqa: S608 - the same


async def reopen_corrected(
    connection: Connection,
    requests: Sequence[NewRequest],
    *,
    owner: str | None,
    lease_s: float,
    group_id: str | None = None,
    by_batch: bool = False,
) -> list[ClaimedRequest]:
    """Claim failed requests again with another event in place of their own; their spending stays counted.

    Without an owner they are queued for any process, from the end of the lease on, or with `by_batch` for a batch.

    Raises:
        StoreContention: another transaction holds one of them. None is claimed.
    """
    rows = await connection.fetch(
        _REOPEN_CORRECTED, owner, lease_s, group_id, LOCK_WAIT_S, by_batch, *NEW_REQUEST.arrays(requests)
    )
    return [claimed_request(row) for row in rows]


# A locked one must not hold up the others: the caller tries again.
_REOPEN = """
    WITH wanted AS (
        SELECT request.overlay_id, request.revision
        FROM feed_requests AS request
        JOIN unnest($1::uuid[], $2::int[]) AS wanted (overlay_id, revision) USING (overlay_id, revision)
        WHERE request.state = 'failed' AND request.last_error_reason = $3
        FOR UPDATE OF request SKIP LOCKED
    )
    UPDATE feed_requests AS request
    SET state = 'waiting',
        attempts = greatest(request.attempts - 1, 0),
        takeovers = 0,
        available_at = now(),
        finished_at = NULL,
        updated_at = now()
    FROM wanted
    WHERE (request.overlay_id, request.revision) = (wanted.overlay_id, wanted.revision)
    RETURNING request.overlay_id, request.revision
"""


async def reopen_failed(
    connection: Connection, requests: Sequence[tuple[UUID, int]], *, reason: str
) -> list[tuple[UUID, int]]:
    """Reopen requests that failed for this reason, without counting the last attempt.

    Returns the reopened ones; those locked by another transaction are not among them.
    """
    overlay_ids, revisions = [overlay_id for overlay_id, _ in requests], [revision for _, revision in requests]
    return [(row[0], row[1]) for row in await connection.fetch(_REOPEN, overlay_ids, revisions, reason)]
