"""Purging what is kept for debugging: raw answers and whole prompts, of posts and of calls that brought none.

Figures, texts and events stay.
"""

from dataclasses import dataclass
from datetime import datetime

from repository.pool import Connection


@dataclass(frozen=True, slots=True)
class Purgeable:
    """So many posts with a raw answer or a prompt, and the bytes these take as they are stored; so many such calls."""

    posts: int
    stored_bytes: int
    calls: int = 0


@dataclass(frozen=True, slots=True)
class PurgedBatch:
    """What one statement purged; `last_created_at` is where the next begins."""

    posts: int
    last_created_at: datetime


_OLD_AND_KEPT = """
    created_at < $1
    AND ($2::text IS NULL OR tenant_id = $2)
    AND (gpt_response_raw IS NOT NULL OR gpt_prompt_used IS NOT NULL)
"""

# An answer that is purged cannot be judged again, so those of requests that have not ended stay.
_OLD_CALLS = """
    FROM llm_calls AS call
    JOIN feed_requests AS request USING (overlay_id, revision)
    WHERE call.called_at < $1
        AND ($2::text IS NULL OR request.tenant_id = $2)
        AND (call.raw_response IS NOT NULL OR call.gpt_prompt_used IS NOT NULL)
        AND request.state IN ('done', 'failed')
"""

_COUNT = f"""
    SELECT (SELECT count(*) {_OLD_CALLS}) AS calls,
        count(*) AS posts,
        coalesce(sum(coalesce(pg_column_size(gpt_response_raw), 0) + coalesce(pg_column_size(gpt_prompt_used), 0)), 0)
            AS stored_bytes
    FROM instagram_feeds
    WHERE {_OLD_AND_KEPT}
"""  # noqa: S608 - the conditions are ours


async def purgeable(connection: Connection, *, before: datetime, tenant_id: str | None = None) -> Purgeable:
    """Return what a purge of posts created and calls made `before`, of a tenant if given, would take."""
    return Purgeable(**dict(await connection.fetchrow(_COUNT, before, tenant_id) or {}))


# Rows that a statement of somebody else holds are left to the next purge.
_PURGE = f"""
    WITH old AS (
        SELECT instagram_feed_id, created_at
        FROM instagram_feeds
        WHERE {_OLD_AND_KEPT} AND created_at >= $3
        ORDER BY created_at
        LIMIT $4
        FOR UPDATE SKIP LOCKED
    ),
    purged AS (
        UPDATE instagram_feeds AS feed
        SET gpt_response_raw = NULL, gpt_prompt_used = NULL
        FROM old
        WHERE feed.instagram_feed_id = old.instagram_feed_id
    )
    SELECT count(*) AS posts, max(created_at) AS last_created_at FROM old
"""  # noqa: S608 - the conditions are ours


async def purge_batch(
    connection: Connection, *, before: datetime, tenant_id: str | None = None, after: datetime, limit: int
) -> PurgedBatch | None:
    """Purge at most `limit` posts, the oldest first, beginning with those created at `after`; None when none is left.

    What a purge that was cut off has done stays done, and is not looked at again.
    """
    row = await connection.fetchrow(_PURGE, before, tenant_id, after, limit)
    return PurgedBatch(row["posts"], row["last_created_at"]) if row and row["posts"] else None


_PURGE_CALLS = f"""
    WITH old AS (
        SELECT call.ctid
        {_OLD_CALLS}
        LIMIT $3
        FOR UPDATE OF call SKIP LOCKED
    )
    UPDATE llm_calls AS call
    SET raw_response = NULL, gpt_prompt_used = NULL
    FROM old
    WHERE call.ctid = old.ctid
"""  # noqa: S608 - the conditions are ours


async def purge_calls(connection: Connection, *, before: datetime, tenant_id: str | None = None, limit: int) -> int:
    """Purge at most `limit` calls made `before`, of requests that have ended; returns how many were."""
    return int((await connection.execute(_PURGE_CALLS, before, tenant_id, limit)).split()[-1])
