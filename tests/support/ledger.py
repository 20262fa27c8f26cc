"""Claims as processes make them, and the ledger as an operator reads it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from repository.available_requests import claim_available
from repository.feeds import store
from repository.llm_models import LlmModel
from repository.pool import Pool, connection
from repository.requests import ClaimedRequest, NewRequest, claim_new
from tests.support.examples import feed, new_request
from tests.support.waiting import eventually

LEASE_S = 60.0
EXPIRED_S = -1.0
"""The length of a lease that has run out the moment it is given."""
TAKE_OVER_LEASE_S = 5.0


async def claim(
    pool: Pool, requests: Sequence[NewRequest], *, owner: str = "process-1", lease_s: float = LEASE_S
) -> list[ClaimedRequest]:
    """Claim what is new of these requests."""
    async with connection(pool) as borrowed:
        return await claim_new(borrowed, requests, owner=owner, lease_s=lease_s)


async def store_feeds(pool: Pool, model: LlmModel, count: int = 1, **changes: object) -> list[UUID]:
    """Store the first posts of so many overlays; gives these. `changes` replace columns of the posts."""
    claimed = await claim(pool, [new_request() for _ in range(count)])
    async with connection(pool) as borrowed:
        posts = [feed(request, model.llm_model_id, **changes) for request in claimed]
        await store(borrowed, posts, ensure_references=True, relay_lease_s=LEASE_S)
    return [request.overlay_id for request in claimed]


async def reclaim(pool: Pool, *, owner: str = "process-2", limit: int = 100) -> list[ClaimedRequest]:
    """Claim what any process may take now."""
    await until_take_overs(pool, lease_s=TAKE_OVER_LEASE_S)
    async with connection(pool) as borrowed:
        return await claim_available(borrowed, owner=owner, lease_s=TAKE_OVER_LEASE_S, limit=limit)


async def until_take_overs(pool: Pool, *, lease_s: float) -> None:
    """Wait until the server has been up for a lease: before that it lets nobody take over."""
    up_long_enough = "SELECT now() - pg_postmaster_start_time() > $1 * interval '1 second'"
    await eventually(lambda: pool.fetchval(up_long_enough, lease_s))


async def ledger_row(pool: Pool, overlay_id: UUID, revision: int = 1) -> dict[str, Any]:
    """The row of one request."""
    row = await pool.fetchrow(
        "SELECT * FROM feed_requests WHERE overlay_id = $1 AND revision = $2", overlay_id, revision
    )
    assert row is not None
    return dict(row)


async def states(pool: Pool) -> dict[UUID, str]:
    """The state of every request, by overlay."""
    rows = await pool.fetch("SELECT overlay_id, state FROM feed_requests")
    return {row["overlay_id"]: row["state"] for row in rows}


async def count(pool: Pool, table: str) -> int:
    """How many rows a table has."""
    return int(await pool.fetchval(f"SELECT count(*) FROM {table}"))
