"""The figures of the seed's queries 4 to 9, each a function with tenant, model, time range and grouping.

Columns have the seed's names. Without a group and for the seed's tenant and days, the figures are those
of its queries. Averages come as float.

`estimated_*` is the seed's estimate, by the seed's own formula in place of `repository.prices`: tokens of the
calls that wrote the posts, at current prices, cached tokens at the full price. `spent_usd` is what was
spent: every call for a post, at the prices of its time. Posts from before `cost_usd` was kept have none;
`posts_without_cost` counts them. `posts_without_usage` counts posts whose provider did not say how many tokens
they took: no sum or average has them.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from repository.operations.report_scope import (
    FEEDS,
    FEEDS_OF_A_MODEL,
    NO_GROUP,
    GroupBy,
    ReportScope,
    group_expression,
    grouping,
)
from repository.pool import Connection

_MODEL = "model.llm_model_id"
_DAY = "(feed.created_at AT TIME ZONE $5::text)::date"
_SEED_ESTIMATE_PROMPT = "sum(feed.prompt_tokens) * model.prompt_token_cost_per_1m"
_SEED_ESTIMATE_COMPLETION = "sum(feed.completion_tokens) * model.completion_token_cost_per_1m"
_WITHOUT_USAGE = "count(*) FILTER (WHERE feed.total_tokens IS NULL) AS posts_without_usage"
_SPENT = """
    trim_scale(coalesce(sum(feed.cost_usd), 0)) AS spent_usd,
    count(*) FILTER (WHERE feed.cost_usd IS NULL) AS posts_without_cost
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Duration of the calls that wrote the posts, in milliseconds."""

    group: str | None
    avg_latency: float | None
    min_latency: float | None
    max_latency: float | None
    p50_latency: float | None
    p95_latency: float | None
    p99_latency: float | None
    total_count: int


async def latency(connection: Connection, scope: ReportScope, by: GroupBy | None = None) -> list[Latency]:
    """Query 4, and percentiles. Without a group one row always, else one for each, most posts first."""
    statement = f"""
        SELECT {group_expression(by)} AS "group",
            avg(feed.latency_ms) AS avg_latency,
            min(feed.latency_ms) AS min_latency,
            max(feed.latency_ms) AS max_latency,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY feed.latency_ms) AS p50_latency,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY feed.latency_ms) AS p95_latency,
            percentile_cont(0.99) WITHIN GROUP (ORDER BY feed.latency_ms) AS p99_latency,
            count(*) AS total_count
        {FEEDS}
        GROUP BY {grouping(by)}
        ORDER BY total_count DESC, "group"
    """
    return [Latency(**dict(row)) for row in await connection.fetch(statement, *scope.arguments)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens of the calls that wrote the posts."""

    group: str | None
    avg_prompt_tokens: float | None
    avg_completion_tokens: float | None
    avg_total_tokens: float | None
    total_tokens_sum: int | None
    request_count: int
    posts_without_usage: int


async def tokens(connection: Connection, scope: ReportScope, by: GroupBy | None = None) -> list[Tokens]:
    """Query 5. Without a group one row always, else one for each, most tokens first."""
    statement = f"""
        SELECT {group_expression(by)} AS "group",
            avg(feed.prompt_tokens)::float8 AS avg_prompt_tokens,
            avg(feed.completion_tokens)::float8 AS avg_completion_tokens,
            avg(feed.total_tokens)::float8 AS avg_total_tokens,
            sum(feed.total_tokens) AS total_tokens_sum,
            count(*) AS request_count,
            {_WITHOUT_USAGE}
        {FEEDS}
        GROUP BY {grouping(by)}
        ORDER BY total_tokens_sum DESC NULLS LAST, "group"
    """
    return [Tokens(**dict(row)) for row in await connection.fetch(statement, *scope.arguments)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the posts of one model cost, in USD: the seed's estimate and what was spent."""

    group: str | None
    model_name: str
    model_version: str | None
    provider: str
    request_count: int
    total_prompt_tokens: int | None
    total_completion_tokens: int | None
    total_tokens: int | None
    estimated_input_cost_usd: Decimal | None
    estimated_output_cost_usd: Decimal | None
    estimated_total_cost_usd: Decimal | None
    spent_usd: Decimal
    posts_without_cost: int
    posts_without_usage: int


async def cost(connection: Connection, scope: ReportScope, by: GroupBy | None = None) -> list[Cost]:
    """Query 6: one row for each model, in each group; the highest estimate first."""
    statement = f"""
        SELECT {group_expression(by)} AS "group", model.model_name, model.model_version, model.provider,
            count(*) AS request_count,
            sum(feed.prompt_tokens) AS total_prompt_tokens,
            sum(feed.completion_tokens) AS total_completion_tokens,
            sum(feed.total_tokens) AS total_tokens,
            round({_SEED_ESTIMATE_PROMPT} / 1000000, 4) AS estimated_input_cost_usd,
            round({_SEED_ESTIMATE_COMPLETION} / 1000000, 4) AS estimated_output_cost_usd,
            round(({_SEED_ESTIMATE_PROMPT} + {_SEED_ESTIMATE_COMPLETION}) / 1000000, 4) AS estimated_total_cost_usd,
            {_SPENT},
            {_WITHOUT_USAGE}
        {FEEDS_OF_A_MODEL}
        GROUP BY {grouping(by, _MODEL)}
        ORDER BY estimated_total_cost_usd DESC, model.model_name, "group"
    """
    return [Cost(**dict(row)) for row in await connection.fetch(statement, *scope.arguments)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostWithoutPost:
    """What was spent on requests that have no post: failed, or not finished yet. Unknown costs are counted apart.

    `superseded`: calls whose post came when another process had ended the request; `duplicate`: what a provider had
    answered of a second batch that it made of one file. Both are in no other sum; of the latter no tokens are kept.
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
    """Return what `cost` leaves out of the provider's bill, by the time of a request's last change.

    The ledger does not say which model was called, so the scope's model is not regarded; of the groups
    it knows the tenant. A second batch is no single tenant's.
    """
    group = "tenant_id" if by is GroupBy.TENANT else NO_GROUP
    statement = f"""
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
        UNION ALL
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
        UNION ALL
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
        ORDER BY spent_usd DESC, 1, 2
    """  # noqa: S608 - all parts are constants
    rows = await connection.fetch(statement, *scope.arguments[:3])
    return [CostWithoutPost(**dict(row)) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyTokens:
    """Tokens of one day's posts."""

    group: str | None
    date: date
    request_count: int
    avg_prompt_tokens: float | None
    avg_completion_tokens: float | None
    avg_total_tokens: float | None
    daily_total_tokens: int | None
    posts_without_usage: int


async def daily_tokens(connection: Connection, scope: ReportScope, by: GroupBy | None = None) -> list[DailyTokens]:
    """Query 7: one row for each day that has posts, in each group; the newest first."""
    statement = f"""
        SELECT {group_expression(by)} AS "group", {_DAY} AS date,
            count(*) AS request_count,
            avg(feed.prompt_tokens)::float8 AS avg_prompt_tokens,
            avg(feed.completion_tokens)::float8 AS avg_completion_tokens,
            avg(feed.total_tokens)::float8 AS avg_total_tokens,
            sum(feed.total_tokens) AS daily_total_tokens,
            {_WITHOUT_USAGE}
        {FEEDS}
        GROUP BY {grouping(by, _DAY)}
        ORDER BY date DESC, daily_total_tokens DESC NULLS LAST, "group"
    """
    rows = await connection.fetch(statement, *scope.arguments, scope.timezone)
    return [DailyTokens(**dict(row)) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """How much a model was used, how fast it was and what it cost. `total_cost_usd` is the seed's estimate."""

    group: str | None
    model_name: str
    model_version: str | None
    provider: str
    usage_count: int
    avg_latency_ms: float | None
    min_latency_ms: float | None
    max_latency_ms: float | None
    total_prompt_tokens: int | None
    total_completion_tokens: int | None
    total_tokens: int | None
    avg_prompt_tokens: float | None
    avg_completion_tokens: float | None
    total_cost_usd: Decimal | None
    spent_usd: Decimal
    posts_without_cost: int
    posts_without_usage: int


async def models(connection: Connection, scope: ReportScope, by: GroupBy | None = None) -> list[ModelUse]:
    """Query 8: one row for each model that wrote a post, in each group; the one used most first."""
    statement = f"""
        SELECT {group_expression(by)} AS "group", model.model_name, model.model_version, model.provider,
            count(*) AS usage_count,
            avg(feed.latency_ms) AS avg_latency_ms,
            min(feed.latency_ms) AS min_latency_ms,
            max(feed.latency_ms) AS max_latency_ms,
            sum(feed.prompt_tokens) AS total_prompt_tokens,
            sum(feed.completion_tokens) AS total_completion_tokens,
            sum(feed.total_tokens) AS total_tokens,
            avg(feed.prompt_tokens)::float8 AS avg_prompt_tokens,
            avg(feed.completion_tokens)::float8 AS avg_completion_tokens,
            round(({_SEED_ESTIMATE_PROMPT} + {_SEED_ESTIMATE_COMPLETION}) / 1000000, 4) AS total_cost_usd,
            {_SPENT},
            {_WITHOUT_USAGE}
        {FEEDS_OF_A_MODEL}
        GROUP BY {grouping(by, _MODEL)}
        ORDER BY usage_count DESC, model.model_name, "group"
    """
    return [ModelUse(**dict(row)) for row in await connection.fetch(statement, *scope.arguments)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyModelUse:
    """What a model did in a day. `daily_cost_usd` is the seed's estimate."""

    group: str | None
    date: date
    model_name: str
    model_version: str | None
    provider: str
    daily_request_count: int
    daily_total_tokens: int | None
    daily_cost_usd: Decimal | None
    spent_usd: Decimal
    posts_without_cost: int
    posts_without_usage: int


async def daily_models(connection: Connection, scope: ReportScope, by: GroupBy | None = None) -> list[DailyModelUse]:
    """Query 9: one row for each day and model, in each group; the newest first, of a day the highest cost first."""
    statement = f"""
        SELECT {group_expression(by)} AS "group", {_DAY} AS date,
            model.model_name, model.model_version, model.provider,
            count(*) AS daily_request_count,
            sum(feed.total_tokens) AS daily_total_tokens,
            round(({_SEED_ESTIMATE_PROMPT} + {_SEED_ESTIMATE_COMPLETION}) / 1000000, 4) AS daily_cost_usd,
            {_SPENT},
            {_WITHOUT_USAGE}
        {FEEDS_OF_A_MODEL}
        GROUP BY {grouping(by, _DAY, _MODEL)}
        ORDER BY date DESC, daily_cost_usd DESC, model.model_name, "group"
    """
    rows = await connection.fetch(statement, *scope.arguments, scope.timezone)
    return [DailyModelUse(**dict(row)) for row in rows]
