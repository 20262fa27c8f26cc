"""Looking at the ledger and sending failed requests round again, for operators."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from repository.pool import Connection
from repository.requests import source_record
from schemas.record import SourceRecord
from schemas.request_state import RequestState


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSummary:
    """A request as a listing shows it. Tokens and cost are what all its calls took, None where unknown."""

    overlay_id: UUID
    revision: int
    state: RequestState
    tenant_id: str
    attempts: int
    llm_calls: int
    total_tokens: int | None
    cost_usd: Decimal | None
    last_error_reason: str | None
    last_error_detail: str | None
    available_at: datetime | None
    source_topic: str
    source_partition: int
    source_offset: int
    experiment_id: UUID | None
    experiment_name: str | None
    variant: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilter:
    """Which requests; None leaves a question open. `since` and `until` bound the last change, until exclusive."""

    state: RequestState | None = None
    overlay_id: UUID | None = None
    tenant_id: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_MATCHING = """
    ($1::text IS NULL OR state = $1)
    AND ($2::uuid IS NULL OR overlay_id = $2)
    AND ($3::text IS NULL OR tenant_id = $3)
    AND ($4::text IS NULL OR last_error_reason = $4)
    AND ($5::timestamptz IS NULL OR updated_at >= $5)
    AND ($6::timestamptz IS NULL OR updated_at < $6)
"""

REQUEST_COLUMNS = """
    overlay_id, revision, state, tenant_id, attempts, llm_calls,
    prompt_tokens + completion_tokens AS total_tokens, cost_usd, last_error_reason, last_error_detail,
    available_at, source_topic, source_partition, source_offset, experiment_id,
    (SELECT name FROM experiments WHERE experiments.experiment_id = feed_requests.experiment_id) AS experiment_name,
    variant, created_at, updated_at
"""

_LIST = f"""
    SELECT {REQUEST_COLUMNS}
    FROM feed_requests
    WHERE {_MATCHING}
    ORDER BY updated_at DESC
    LIMIT $7
"""  # noqa: S608 - no value is in it, the conditions are ours


async def list_requests(connection: Connection, wanted: RequestFilter, *, limit: int) -> list[RequestSummary]:
    """Return the matching requests, the one changed last first."""
    rows = await connection.fetch(_LIST, *_arguments(wanted), limit)
    return [summary_of(row) for row in rows]


def summary_of(row: asyncpg.Record) -> RequestSummary:
    """Read a row of `REQUEST_COLUMNS`."""
    return RequestSummary(**dict(row) | {"state": RequestState(row["state"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCount:
    """How many requests are in a state with this last error (of those that are done: None), and what they took.

    `oldest_at`: when the first of them was taken in. `unknown_costs`: of how many nobody told the cost.
    """

    state: RequestState
    last_error_reason: str | None
    requests: int
    llm_calls: int
    cost_usd: Decimal
    oldest_at: datetime
    unknown_costs: int


_COUNT = f"""
    SELECT state, CASE WHEN state <> 'done' THEN last_error_reason END AS last_error_reason,
        count(*) AS requests, sum(llm_calls) AS llm_calls, coalesce(sum(cost_usd), 0) AS cost_usd,
        min(created_at) AS oldest_at, count(*) FILTER (WHERE cost_usd IS NULL) AS unknown_costs
    FROM feed_requests
    WHERE {_MATCHING}
    GROUP BY 1, 2
    ORDER BY 1, requests DESC
"""  # noqa: S608 - no value is in it, the conditions are ours


async def count_requests(connection: Connection, wanted: RequestFilter) -> list[RequestCount]:
    """Count requests by state and last error."""
    rows = await connection.fetch(_COUNT, *_arguments(wanted))
    return [RequestCount(**dict(row) | {"state": RequestState(row["state"])}) for row in rows]


_MEAN_COST = """
    SELECT coalesce(avg(cost_usd), 0)
    FROM (SELECT cost_usd FROM instagram_feeds WHERE cost_usd IS NOT NULL ORDER BY created_at DESC LIMIT 500) AS latest
"""


async def mean_post_cost_usd(connection: Connection) -> Decimal:
    """Return what each of the last 500 posts cost on average; 0 where nothing is known."""
    return Decimal(await connection.fetchval(_MEAN_COST))


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A failed request and the event it is about."""

    overlay_id: UUID
    revision: int
    tenant_id: str
    source: SourceRecord


_FAILED = f"""
    SELECT * FROM feed_requests WHERE {_MATCHING} AND state = 'failed'
"""  # noqa: S608 - no value is in it, the conditions are ours


async def failed_requests(
    connection: Connection, wanted: RequestFilter, *, at_once: int
) -> AsyncIterator[list[FailedRequest]]:
    """Yield the matching failed requests, so many at once; to be called in a transaction."""
    cursor = await connection.cursor(_FAILED, *_arguments(wanted))
    while rows := await cursor.fetch(at_once):
        yield [FailedRequest(row["overlay_id"], row["revision"], row["tenant_id"], source_record(row)) for row in rows]


# The source bytes of a failed request are kept, so it needs nothing but a new beginning.
_RETRY = """
    UPDATE feed_requests AS request
    SET state = CASE WHEN chosen.by_batch THEN 'batched' ELSE 'waiting' END,
        batch_id = NULL,
        attempts = 0,
        available_at = now(),
        unrecorded_call = false,
        references_missing_since = NULL,
        takeovers = 0,
        finished_at = NULL,
        updated_at = now()
    FROM unnest($1::uuid[], $2::int[], $3::boolean[]) AS chosen (overlay_id, revision, by_batch)
    WHERE (request.overlay_id, request.revision) = (chosen.overlay_id, chosen.revision) AND request.state = 'failed'
"""


async def retry_failed(connection: Connection, chosen: Sequence[tuple[FailedRequest, bool]]) -> None:
    """Have failed requests tried again, with all their attempts: by batch where that is said, else by a call."""
    await connection.execute(
        _RETRY,
        [request.overlay_id for request, _ in chosen],
        [request.revision for request, _ in chosen],
        [by_batch for _, by_batch in chosen],
    )


def _arguments(wanted: RequestFilter) -> tuple[object, ...]:
    return (wanted.state, wanted.overlay_id, wanted.tenant_id, wanted.reason, wanted.since, wanted.until)
