"""What became of the posts of a scope, metric by metric: of each post and metric the latest figure counts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from repository.operations.report_scope import FEEDS, GroupBy, ReportScope, group_expression
from repository.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOutcomes:
    """One metric of all posts that have it. `last_occurred_at`: how new the newest figure is."""

    group: str | None
    metric: str
    posts: int
    total: Decimal
    average: float
    median: float
    highest: Decimal
    last_occurred_at: datetime


async def outcomes(connection: Connection, scope: ReportScope, by: GroupBy | None = None) -> list[PostOutcomes]:
    """Return a row for each metric, in each group."""
    statement = f"""
        WITH feed AS MATERIALIZED (
            SELECT feed.instagram_feed_id, {group_expression(by)} AS "group"
            {FEEDS}
        ),
        latest AS (
            SELECT DISTINCT ON (outcome.instagram_feed_id, outcome.metric)
                feed."group", outcome.metric, outcome.value, outcome.occurred_at
            FROM feed
            JOIN feed_outcomes AS outcome USING (instagram_feed_id)
            ORDER BY outcome.instagram_feed_id, outcome.metric, outcome.occurred_at DESC, outcome.received_at DESC,
                outcome.event_id
        )
        SELECT "group", metric,
            count(*) AS posts,
            trim_scale(sum(value)) AS total,
            avg(value)::float8 AS average,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS median,
            trim_scale(max(value)) AS highest,
            max(occurred_at) AS last_occurred_at
        FROM latest
        GROUP BY "group", metric
        ORDER BY metric, total DESC, "group"
    """  # noqa: S608 - all parts are constants
    return [PostOutcomes(**dict(row)) for row in await connection.fetch(statement, *scope.arguments)]
