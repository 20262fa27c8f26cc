"""What the charts of a report show: posts over time and by group, and failures by reason.

Time is cut into buckets (`hour`, `day`, `week`, `month` or `year`), each named by its beginning in the scope's
timezone, without an offset. Buckets without posts have no row. Latency is in milliseconds.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from repository.operations.report_scope import FEEDS, GroupBy, ReportScope, group_expression
from repository.pool import Connection

_BUCKET = "date_trunc($6::text, feed.created_at AT TIME ZONE $5::text)"
_SPENT = "trim_scale(coalesce(sum(feed.cost_usd), 0)) AS spent_usd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The posts of one bucket. Tokens and latency are those of the calls that wrote them."""

    begins: datetime
    posts: int
    prompt_tokens: int
    completion_tokens: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


_ACTIVITY = f"""
    SELECT {_BUCKET} AS begins,
        count(*) AS posts,
        coalesce(sum(feed.prompt_tokens), 0) AS prompt_tokens,
        coalesce(sum(feed.completion_tokens), 0) AS completion_tokens,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY feed.latency_ms) AS p50_ms,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY feed.latency_ms) AS p95_ms,
        percentile_cont(0.99) WITHIN GROUP (ORDER BY feed.latency_ms) AS p99_ms
    {FEEDS}
    GROUP BY 1
    ORDER BY 1
"""


async def activity(connection: Connection, scope: ReportScope, *, bucket: str) -> list[Activity]:
    """Return posts over time."""
    rows = await connection.fetch(_ACTIVITY, *scope.arguments, scope.timezone, bucket)
    return [Activity(**dict(row)) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The posts of one group in one bucket. `rank` is 1 for the group with the most posts in the whole scope."""

    begins: datetime
    group: str | None
    rank: int
    posts: int
    spent_usd: Decimal


async def shares(connection: Connection, scope: ReportScope, by: GroupBy, *, bucket: str) -> list[Share]:
    """Return posts and what they cost, over time and by group."""
    statement = f"""
        SELECT begins, "group", posts, spent_usd,
            dense_rank() OVER (ORDER BY all_posts DESC, "group") AS rank
        FROM (
            SELECT {_BUCKET} AS begins, {group_expression(by)} AS "group", count(*) AS posts, {_SPENT},
                sum(count(*)) OVER (PARTITION BY {group_expression(by)}) AS all_posts
            {FEEDS}
            GROUP BY 1, 2
        ) AS share
        ORDER BY begins, rank
    """  # noqa: S608 - all parts are constants
    rows = await connection.fetch(statement, *scope.arguments, scope.timezone, bucket)
    return [Share(**dict(row)) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """The posts of one group."""

    group: str | None
    posts: int
    total_tokens: int
    spent_usd: Decimal
    p50_ms: float | None
    p95_ms: float | None


async def breakdown(connection: Connection, scope: ReportScope, by: GroupBy) -> list[Breakdown]:
    """Return the groups, the one with the most posts first."""
    statement = f"""
        SELECT {group_expression(by)} AS "group",
            count(*) AS posts,
            coalesce(sum(feed.total_tokens), 0) AS total_tokens,
            {_SPENT},
            percentile_cont(0.5) WITHIN GROUP (ORDER BY feed.latency_ms) AS p50_ms,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY feed.latency_ms) AS p95_ms
        {FEEDS}
        GROUP BY 1
        ORDER BY posts DESC, 1
    """
    return [Breakdown(**dict(row)) for row in await connection.fetch(statement, *scope.arguments)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Requests that failed for one reason, in one bucket."""

    begins: datetime
    reason: str
    requests: int
    spent_usd: Decimal


_FAILURES = """
    SELECT date_trunc($5::text, finished_at AT TIME ZONE $4::text) AS begins,
        coalesce(last_error_reason, 'unknown') AS reason,
        count(*) AS requests,
        trim_scale(sum(cost_usd)) AS spent_usd
    FROM feed_requests
    WHERE state = 'failed'
        AND finished_at >= $1
        AND ($2::timestamptz IS NULL OR finished_at < $2)
        AND ($3::text IS NULL OR tenant_id = $3)
    GROUP BY 1, 2
    ORDER BY 1, 2
"""


async def failures(connection: Connection, scope: ReportScope, *, bucket: str) -> list[Failures]:
    """Return failed requests over time and by reason. Disregards the scope's model: the ledger does not keep it."""
    rows = await connection.fetch(_FAILURES, *scope.arguments[:3], scope.timezone, bucket)
    return [Failures(**dict(row)) for row in rows]
