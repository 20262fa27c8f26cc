"""Calls whose answer did not become a post, and what was paid for them: the part of the bill with nothing to show.

What they cost is in what their requests spent, too, except for superseded ones (`cost_without_post`).
"""

from dataclasses import dataclass
from decimal import Decimal

from repository.operations.report_scope import NO_GROUP, GroupBy, ReportScope
from repository.pool import Connection
from schemas.call_verdict import CallVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedCalls:
    """The calls of one model that ended in one way. `calls_without_cost`: those of which nobody told the usage."""

    group: str | None
    model_name: str
    model_version: str | None
    provider: str
    verdict: CallVerdict
    calls: int
    requests: int
    total_tokens: int
    avg_latency: float | None
    spent_usd: Decimal
    calls_without_cost: int


_GROUPS = {
    GroupBy.TENANT: "request.tenant_id",
    GroupBy.MODEL: "concat_ws('@', model.provider || '/' || model.model_name, model.model_version)",
    GroupBy.VARIANT: "nullif(concat_ws('/', request.experiment_id, request.variant), '')",
    GroupBy.PROMPT: "call.prompt_version",
}


async def unused_calls(connection: Connection, scope: ReportScope, by: GroupBy | None = None) -> list[UnusedCalls]:
    """Return a row for each model and way to end, in each group; what cost most first."""
    statement = f"""
        SELECT {_GROUPS[by] if by else NO_GROUP} AS "group",
            coalesce(model.model_name, '(deleted)') AS model_name, model.model_version,
            coalesce(model.provider, '') AS provider, call.verdict,
            count(*) AS calls,
            count(DISTINCT (call.overlay_id, call.revision)) AS requests,
            coalesce(sum(call.prompt_tokens + call.completion_tokens), 0)::bigint AS total_tokens,
            avg(call.latency_ms) AS avg_latency,
            trim_scale(coalesce(sum(call.cost_usd), 0)) AS spent_usd,
            count(*) FILTER (WHERE call.cost_usd IS NULL) AS calls_without_cost
        FROM llm_calls AS call
        JOIN feed_requests AS request USING (overlay_id, revision)
        LEFT JOIN llm_models AS model USING (llm_model_id)
        WHERE call.called_at >= $1
            AND ($2::timestamptz IS NULL OR call.called_at < $2)
            AND ($3::text IS NULL OR request.tenant_id = $3)
            AND ($4::uuid IS NULL OR call.llm_model_id = $4)
        GROUP BY 1, 2, 3, 4, 5
        ORDER BY spent_usd DESC, calls DESC, 1, 2, 5
    """  # noqa: S608 - all parts are constants
    rows = await connection.fetch(statement, *scope.arguments)
    return [UnusedCalls(**dict(row) | {"verdict": CallVerdict(row["verdict"])}) for row in rows]
