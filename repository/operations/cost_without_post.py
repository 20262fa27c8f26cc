"""What was spent without a post: the part of the provider's bill that `repository.operations.reports` leaves out."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from repository.operations.report_scope import NO_GROUP, GroupBy, ReportScope
from repository.pool import Connection

_REQUESTS = """
    SELECT {group} AS "group",
        CASE state WHEN 'failed' THEN state ELSE 'unfinished' END AS state,
        count(*) AS request_count,
        sum(llm_calls) AS llm_calls,
        coalesce(sum(prompt_tokens), 0)::bigint AS total_prompt_tokens,
        coalesce(sum(completion_tokens), 0)::bigint AS total_completion_tokens,
        coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint AS total_tokens,
        trim_scale(coalesce(sum(cost_usd), 0)) AS spent_usd,
        count(*) FILTER (WHERE cost_usd IS NULL) AS requests_without_cost
    FROM (
        SELECT * FROM feed_requests WHERE state = 'failed' AND finished_at >= $1
        UNION ALL
        SELECT * FROM feed_requests WHERE state NOT IN ('done', 'failed') AND updated_at >= $1
    ) AS request
    WHERE ($2::timestamptz IS NULL OR updated_at < $2)
        AND ($3::text IS NULL OR tenant_id = $3)
        AND (cost_usd > 0 OR cost_usd IS NULL)
    GROUP BY 1, 2
"""
_SUPERSEDED_CALLS = """
    SELECT {group} AS "group", 'superseded' AS state,
        count(*) AS request_count,
        count(*) AS llm_calls,
        coalesce(sum(call.prompt_tokens), 0)::bigint AS total_prompt_tokens,
        coalesce(sum(call.completion_tokens), 0)::bigint AS total_completion_tokens,
        coalesce(sum(call.prompt_tokens + call.completion_tokens), 0)::bigint AS total_tokens,
        trim_scale(coalesce(sum(call.cost_usd), 0)) AS spent_usd,
        count(*) FILTER (WHERE call.cost_usd IS NULL) AS requests_without_cost
    FROM llm_calls AS call
    JOIN feed_requests AS request USING (overlay_id, revision)
    WHERE call.verdict = 'superseded' AND call.called_at >= $1
        AND ($2::timestamptz IS NULL OR call.called_at < $2)
        AND ($3::text IS NULL OR request.tenant_id = $3)
    GROUP BY 1, 2
"""
_DUPLICATE_BATCHES = f"""
    SELECT {NO_GROUP} AS "group", 'duplicate' AS state,
        sum(request_count) AS request_count,
        sum(completed_count) AS llm_calls,
        NULL AS total_prompt_tokens,
        NULL AS total_completion_tokens,
        NULL AS total_tokens,
        trim_scale(sum(cost_usd)) AS spent_usd,
        0 AS requests_without_cost
    FROM llm_batches
    WHERE duplicate_of IS NOT NULL AND cost_usd > 0 AND submitted_at >= $1
        AND ($2::timestamptz IS NULL OR submitted_at < $2)
        AND $3::text IS NULL
    HAVING count(*) > 0
"""  # noqa: S608 - a constant
_STATEMENT = f"{_REQUESTS} UNION ALL {_SUPERSEDED_CALLS} UNION ALL {_DUPLICATE_BATCHES} ORDER BY spent_usd DESC, 1, 2"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostWithoutPost:
    """What was spent without a post, by state; unknown costs are counted apart.

    `failed` and `unfinished` are states of requests. `superseded`: calls whose post came second; `duplicate`: answers
    of a second batch that a provider created from one file, of which no tokens are known. No other sum includes these
    two.
    """

    group: str | None
    state: Literal["failed", "unfinished", "superseded", "duplicate"]
    request_count: int
    llm_calls: int
    total_prompt_tokens: int | None
    total_completion_tokens: int | None
    total_tokens: int | None
    spent_usd: Decimal
    requests_without_cost: int


async def cost_without_post(
    connection: Connection, scope: ReportScope, by: GroupBy | None = None
) -> list[CostWithoutPost]:
    """Return what `reports.cost` leaves out of the provider's bill, by the time of a request's last change.

    The ledger does not record the models called, so the scope's model is ignored, and the only group is the tenant.
    A duplicate batch belongs to no single tenant.
    """
    group = "tenant_id" if by is GroupBy.TENANT else NO_GROUP
    rows = await connection.fetch(_STATEMENT.format(group=group), *scope.arguments[:3])
    return [CostWithoutPost(**dict(row)) for row in rows]
