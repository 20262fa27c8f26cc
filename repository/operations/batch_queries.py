"""Looking at batches, and what people have done with them, which a running consumer does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from repository.pool import Connection
from schemas.batch_state import BatchState


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """A batch as a listing shows it. `collected`: how many of its requests have their result, or go on without one.

    `expected_end` is when the provider is through at its pace until now, at the latest when the batch expires.
    """

    batch_id: UUID
    state: BatchState
    provider: str
    model_name: str
    provider_status: str | None
    provider_batch_id: str | None
    requests: int
    completed: int
    failed: int
    collected: int
    cost_usd: Decimal
    strays: int
    suspects: int
    duplicate_of: UUID | None
    cancel_requested_at: datetime | None
    intended_at: datetime
    submitted_at: datetime | None
    expires_at: datetime | None
    expected_end: datetime | None
    ended_at: datetime | None
    collected_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingForBatch:
    """What waits for a batch to be sent: how many requests, and since when the first of them."""

    requests: int
    since: datetime | None


_SELECT = """
    SELECT batch.batch_id, batch.state, batch.provider, batch.model ->> 'model_name' AS model_name,
        batch.provider_status, batch.provider_batch_id, batch.request_count AS requests,
        batch.completed_count AS completed, batch.failed_count AS failed,
        (SELECT count(*) FROM llm_batch_lines AS line
            WHERE line.batch_id = batch.batch_id AND line.result IS NOT NULL) AS collected,
        batch.cost_usd, batch.stray_count AS strays, batch.suspect_count AS suspects, batch.duplicate_of,
        batch.cancel_requested_at, batch.intended_at, batch.submitted_at, batch.expires_at,
        CASE WHEN batch.state = 'created' THEN least(batch.expires_at,
            batch.submitted_at + (now() - batch.submitted_at) * batch.request_count
                / nullif(batch.completed_count + batch.failed_count, 0)) END AS expected_end,
        batch.ended_at, batch.collected_at, batch.last_error
    FROM llm_batches AS batch
"""
_LIST = f"""
    {_SELECT}
    WHERE NOT $1 OR batch.state NOT IN ('collected', 'abandoned')
    ORDER BY batch.intended_at DESC, batch.batch_id
    LIMIT $2
"""


async def list_batches(connection: Connection, *, only_open: bool, limit: int) -> list[BatchSummary]:
    """Return the batches, the newest first."""
    return [_summary(row) for row in await connection.fetch(_LIST, only_open, limit)]


async def batches_called(connection: Connection, ids: Sequence[str]) -> list[BatchSummary]:
    """Return the batches with these ids, ours or the provider's."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE batch.batch_id::text = ANY($1::text[]) OR batch.provider_batch_id = ANY($1::text[])",
        list(ids),
    )
    return [_summary(row) for row in rows]


def _summary(row: asyncpg.Record) -> BatchSummary:
    return BatchSummary(**dict(row) | {"state": BatchState(row["state"])})


_WAITING = """
    SELECT count(*) AS requests, min(available_at) AS since FROM feed_requests
    WHERE state = 'batched' AND batch_id IS NULL
"""


async def waiting_for_batch(connection: Connection) -> WaitingForBatch:
    """Return what waits for a batch."""
    row = await connection.fetchrow(_WAITING)
    if row is None:
        raise LookupError("an aggregate always has a row")
    return WaitingForBatch(**dict(row))


async def results_of(connection: Connection, batch_id: UUID) -> dict[str, int]:
    """Return what came of a batch's lines: how many of each word, `open` for those without a result."""
    rows = await connection.fetch(
        "SELECT coalesce(result, 'open') AS word, count(*) AS lines FROM llm_batch_lines WHERE batch_id = $1 "
        "GROUP BY 1 ORDER BY 2 DESC",
        batch_id,
    )
    return {row["word"]: row["lines"] for row in rows}


_CANCEL = """
    UPDATE llm_batches
    SET cancel_requested_at = coalesce(cancel_requested_at, now()), rest_goes_live = $2,
        available_at = CASE WHEN lease_owner IS NULL THEN now() ELSE available_at END
    WHERE batch_id = ANY($1::uuid[]) AND state IN ('intended', 'uploaded', 'created')
    RETURNING batch_id
"""


async def ask_to_cancel(connection: Connection, ids: Sequence[UUID], *, rest_goes_live: bool) -> list[UUID]:
    """Have batches cancelled that have not ended; gives these. What is left goes into another batch, or live."""
    return [row["batch_id"] for row in await connection.fetch(_CANCEL, list(ids), rest_goes_live)]


_HASTEN = """
    UPDATE llm_batches
    SET available_at = now()
    WHERE batch_id = ANY($1::uuid[]) AND available_at > now() AND lease_owner IS NULL
    RETURNING batch_id
"""


async def look_now(connection: Connection, ids: Sequence[UUID]) -> list[UUID]:
    """Have batches looked at at once rather than at their next time; gives those that were waiting for it."""
    return [row["batch_id"] for row in await connection.fetch(_HASTEN, list(ids))]
