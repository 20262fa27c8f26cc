"""Leases of requests: extended while their holder lives, released when it stops."""

from collections.abc import Sequence

from repository.columns import one_more
from repository.pool import Connection
from repository.requests import ClaimedRequest, identities

# A locked request is being ended or taken over at this moment. Waiting for it could deadlock with a
# statement that ends several in another order.
_EXTEND_LEASES = """
    WITH held AS (
        SELECT request.overlay_id, request.revision
        FROM feed_requests AS request
        JOIN unnest($2::uuid[], $3::int[], $4::bigint[]) AS held (overlay_id, revision, fencing_token)
            USING (overlay_id, revision, fencing_token)
        WHERE request.state = 'claimed'
        FOR UPDATE OF request SKIP LOCKED
    )
    UPDATE feed_requests AS request
    SET available_at = now() + $1 * interval '1 second'
    FROM held
    WHERE (request.overlay_id, request.revision) = (held.overlay_id, held.revision)
    RETURNING request.overlay_id, request.revision
"""


async def extend_leases(
    connection: Connection, held: Sequence[ClaimedRequest], *, lease_s: float
) -> list[ClaimedRequest]:
    """Extend the leases of all held requests in one statement; lost ones and those being ended are skipped.

    Returns those that were extended.
    """
    rows = await connection.fetch(_EXTEND_LEASES, lease_s, *identities(held))
    extended = set(map(tuple, rows))
    return [request for request in held if (request.overlay_id, request.revision) in extended]


_RELEASE = f"""
    UPDATE feed_requests
    SET state = 'waiting',
        lease_owner = NULL,
        available_at = now(),
        llm_calls = {one_more("llm_calls")},
        unrecorded_call = true,
        updated_at = now()
    WHERE (overlay_id, revision) IN (
        SELECT overlay_id, revision FROM feed_requests
        WHERE state = 'claimed' AND lease_owner = $1
            AND (overlay_id, revision) NOT IN (SELECT * FROM unnest($2::uuid[], $3::int[]))
        -- a row that somebody else holds must not keep the others: its lease runs out
        FOR UPDATE SKIP LOCKED)
"""  # noqa: S608 - no value is in it


async def release(connection: Connection, *, owner: str, keep: Sequence[ClaimedRequest] = ()) -> None:
    """Release all unfinished requests of `owner` except `keep`, so that any process can take them at once.

    Each counts as one more call started, since it may have been cut off in the middle of one.
    """
    overlay_ids, revisions, _ = identities(keep)
    await connection.execute(_RELEASE, owner, overlay_ids, revisions)
