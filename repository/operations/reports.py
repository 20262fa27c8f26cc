"""The figures of the seed's queries 4 to 9, each a function with tenant, model, time range and grouping.

Columns have the seed's names. Without a group and for the seed's tenant and days, the figures are those
of its queries. Averages are floats.

`estimated_*` is the seed's estimate, by the seed's own formula in place of `repository.prices`: tokens of the
calls that wrote the posts, at current prices, with cached tokens at the full price. `spent_usd` is the real cost:
every call for a post, at the prices of its time. Posts from before `cost_usd` was recorded have none and are
counted by `posts_without_cost`. `posts_without_usage` counts posts whose provider did not report usage; they are
in no sum or average.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from repository.operations.report_scope import (
    FEEDS,
    FEEDS_OF_A_MODEL,
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
