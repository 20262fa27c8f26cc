"""One request with its LLM calls, for people. The answers themselves stay in the table."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from repository.operations.request_queries import REQUEST_COLUMNS, RequestSummary, summary_of
from repository.pool import Connection
from schemas.call_verdict import CallVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCall:
    """A call whose answer did not become the post; `answer_bytes` is the size of what came, if it is still kept."""

    call_number: int
    called_at: datetime
    llm_model: str
    verdict: CallVerdict
    detail: str | None
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_prompt_tokens: int | None
    cost_usd: Decimal | None
    latency_ms: float | None
    used_max_tokens: int
    prompt_version: str
    answer_bytes: int | None


_REQUEST = f"""
    SELECT {REQUEST_COLUMNS}
    FROM feed_requests
    WHERE overlay_id = $1 AND ($2::int IS NULL OR revision = $2)
    ORDER BY revision DESC
    LIMIT 1
"""  # noqa: S608 - the columns are a constant


async def find_request(connection: Connection, overlay_id: UUID, revision: int | None) -> RequestSummary | None:
    """Return the request of this revision, or the overlay's newest."""
    row = await connection.fetchrow(_REQUEST, overlay_id, revision)
    return None if row is None else summary_of(row)


_CALLS = """
    SELECT call_number, called_at,
        coalesce(
            model.provider || '/' || model.model_name || coalesce('@' || model.model_version, ''), llm_model_id::text
        ) AS llm_model,
        verdict, detail, finish_reason, prompt_tokens, completion_tokens, cached_prompt_tokens, cost_usd, latency_ms,
        used_max_tokens, prompt_version, octet_length(raw_response) AS answer_bytes
    FROM llm_calls
    LEFT JOIN llm_models AS model USING (llm_model_id)
    WHERE (overlay_id, revision) = ($1, $2)
    ORDER BY called_at, call_number
"""


async def calls_of(connection: Connection, overlay_id: UUID, revision: int) -> list[ShownCall]:
    """Return the request's calls whose answers did not become its post, in the order they were made."""
    rows = await connection.fetch(_CALLS, overlay_id, revision)
    return [ShownCall(**dict(row) | {"verdict": CallVerdict(row["verdict"])}) for row in rows]
