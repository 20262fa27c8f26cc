"""What an experiment's comparison is made of: counts, and sums for each variant, tenant and metric.

An overlay counts once, whatever revisions it has. Left out are overlays with more than one arm and those with a
revision that people restored: what came of them cannot be put down to one arm. Figures of the post are those of the
first one written in the arm; an outcome is the latest of the newest revision that has it.

Statements have the experiment as $1, and those about outcomes the age at which they are read as $2: None is what is
known now; else it is so long after publication, and posts that are younger, or were published nobody said when, have
no outcomes yet.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from repository.experiments import EXPERIMENT_COLUMNS, Experiment, with_parts
from repository.pool import Connection

EARLIER_DAYS = 90

OVERLAYS = """
    overlay AS MATERIALIZED (
        SELECT request.overlay_id,
            (array_agg(request.tenant_id ORDER BY request.revision))[1] AS tenant_id,
            (array_agg(request.variant ORDER BY request.revision)
                FILTER (WHERE request.experiment_id = $1))[1] AS variant,
            count(DISTINCT (request.experiment_id, request.variant)) FILTER (WHERE request.variant IS NOT NULL) > 1
                AS is_mixed,
            bool_or(request.origin = 'restore') AS is_restored,
            bool_or(request.state = 'done' AND request.experiment_id = $1) AS is_stored,
            bool_or(request.state NOT IN ('done', 'failed')) AS is_unfinished
        FROM feed_requests AS request
        WHERE request.overlay_id IN (SELECT overlay_id FROM feed_requests WHERE experiment_id = $1)
        GROUP BY request.overlay_id
    ),
    counted AS MATERIALIZED (
        SELECT overlay_id, tenant_id, variant, is_stored, is_unfinished
        FROM overlay
        WHERE NOT is_mixed AND NOT is_restored
    )
"""
_LATEST = """
    latest AS MATERIALIZED (
        SELECT DISTINCT ON (feed.overlay_id, outcome.metric)
            feed.overlay_id, outcome.metric, outcome.value::float8 AS value
        FROM counted
        JOIN instagram_feeds AS feed USING (overlay_id)
        JOIN feed_outcomes AS outcome USING (instagram_feed_id)
        LEFT JOIN LATERAL (
            SELECT known.published_at + $2::interval AS matures_at
            FROM feed_outcomes AS known
            WHERE $2::interval IS NOT NULL AND known.instagram_feed_id = feed.instagram_feed_id
                AND known.published_at IS NOT NULL
            ORDER BY known.occurred_at DESC, known.received_at DESC
            LIMIT 1
        ) AS post ON true
        WHERE feed.experiment_id = $1 AND feed.variant = counted.variant
            AND ($2::interval IS NULL OR (outcome.occurred_at <= post.matures_at AND post.matures_at <= now()))
        ORDER BY feed.overlay_id, outcome.metric, feed.revision DESC, outcome.occurred_at DESC,
            outcome.received_at DESC, outcome.event_id
    )
"""


_RAN = f"""
    SELECT {EXPERIMENT_COLUMNS}
    FROM experiments
    WHERE started_at < $2 AND (stopped_at IS NULL OR stopped_at >= $1)
    ORDER BY started_at DESC, name
"""  # noqa: S608 - the names are those of the dataclass


async def experiments_between(connection: Connection, since: datetime, until: datetime) -> list[Experiment]:
    """Return the experiments that ran at any time of a range, the newest first."""
    return await with_parts(connection, await connection.fetch(_RAN, since, until))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCounts:
    """A variant's overlays of one tenant: assigned, of these stored or failed (the others are under way).

    `by_batch`: of how many the stored post came by a provider's batch.
    """

    variant: str
    tenant_id: str
    assigned: int
    stored: int
    failed: int
    with_outcome: int
    by_batch: int

    @property
    def ended(self) -> int:
        """Return how many are decided: there is a post, or there will be none."""
        return self.stored + self.failed


_COUNTS = f"""
    WITH {OVERLAYS}, {_LATEST},
    by_batch AS (
        SELECT overlay_id
        FROM (
            SELECT DISTINCT ON (feed.overlay_id) feed.overlay_id, feed.delivery
            FROM counted
            JOIN instagram_feeds AS feed USING (overlay_id)
            WHERE feed.experiment_id = $1 AND feed.variant = counted.variant
            ORDER BY feed.overlay_id, feed.revision) AS post
        WHERE delivery = 'batch'
    )
    SELECT variant, tenant_id,
        count(*) AS assigned,
        count(*) FILTER (WHERE is_stored) AS stored,
        count(*) FILTER (WHERE NOT is_stored AND NOT is_unfinished) AS failed,
        count(*) FILTER (WHERE overlay_id IN (SELECT overlay_id FROM latest)) AS with_outcome,
        count(*) FILTER (WHERE overlay_id IN (SELECT overlay_id FROM by_batch)) AS by_batch
    FROM counted
    GROUP BY variant, tenant_id
    ORDER BY variant, tenant_id
"""  # noqa: S608 - all parts are constants


async def arm_counts(connection: Connection, experiment_id: UUID, *, mature: timedelta | None) -> list[ArmCounts]:
    """Return how far the overlays of each variant and tenant have come."""
    return [ArmCounts(**dict(row)) for row in await connection.fetch(_COUNTS, experiment_id, mature)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSums:
    """Sums over a variant's overlays of one tenant that have the metric; `log_…` of the logarithm of 1 + value.

    Of a negative value there is no such logarithm: where `lowest` is negative, `log_…` mean nothing.
    """

    variant: str
    tenant_id: str
    metric: str
    n: int
    total: float
    squares: float
    log_total: float
    log_squares: float
    lowest: float


_SUMS = """
    count(*) AS n, sum(value) AS total, sum(value * value) AS squares,
    sum(ln(1 + greatest(value, 0))) AS log_total, sum(ln(1 + greatest(value, 0)) ^ 2) AS log_squares,
    min(value) AS lowest
"""

_OUTCOME_SUMS = f"""
    WITH {OVERLAYS}, {_LATEST}
    SELECT variant, tenant_id, metric, {_SUMS}
    FROM latest
    JOIN counted USING (overlay_id)
    GROUP BY variant, tenant_id, metric
    ORDER BY metric, variant, tenant_id
"""  # noqa: S608 - all parts are constants


async def outcome_sums(connection: Connection, experiment_id: UUID, *, mature: timedelta | None) -> list[ArmSums]:
    """Return the sums of every outcome that posts of the experiment have."""
    return [ArmSums(**dict(row)) for row in await connection.fetch(_OUTCOME_SUMS, experiment_id, mature)]


SPENT = """
    spent AS (
        SELECT overlay_id, sum(request.cost_usd)::float8 AS cost_usd
        FROM counted
        JOIN feed_requests AS request USING (overlay_id)
        WHERE request.experiment_id = $1 AND NOT counted.is_unfinished
        GROUP BY overlay_id
        HAVING count(request.cost_usd) = count(*)
    )
"""

# What a request cost is known whether or not it has a post; all else is of the post.
_POST_SUMS = f"""
    WITH {OVERLAYS},
    post AS (
        SELECT DISTINCT ON (feed.overlay_id)
            feed.overlay_id, feed.revision, feed.llm_model_id, feed.latency_ms, feed.total_tokens,
            char_length(feed.instagram_ad_copy) AS caption_length
        FROM counted
        JOIN instagram_feeds AS feed USING (overlay_id)
        WHERE feed.experiment_id = $1 AND feed.variant = counted.variant
        ORDER BY feed.overlay_id, feed.revision
    ),
    {SPENT},
    repairs AS (
        SELECT overlay_id, revision, count(*) AS calls
        FROM llm_calls
        WHERE verdict IN ('cut_off', 'unusable') AND overlay_id IN (SELECT overlay_id FROM post)
        GROUP BY overlay_id, revision
    ),
    figure AS (
        SELECT post.overlay_id, one.metric, one.value
        FROM post
        LEFT JOIN llm_models AS model USING (llm_model_id)
        LEFT JOIN feed_requests AS request USING (overlay_id, revision)
        LEFT JOIN repairs USING (overlay_id, revision)
        CROSS JOIN LATERAL (VALUES
            ('caption_length', post.caption_length::float8),
            ('latency_ms', post.latency_ms::float8),
            ('total_tokens', post.total_tokens::float8),
            ('repair_calls', coalesce(repairs.calls, 0)::float8),
            ('uncached_cost_usd', (
                request.prompt_tokens * model.prompt_token_cost_per_1m
                + request.completion_tokens * model.completion_token_cost_per_1m)::float8 / 1000000)
        ) AS one (metric, value)
        WHERE one.value IS NOT NULL
        UNION ALL
        SELECT overlay_id, 'cost_usd', cost_usd FROM spent
    )
    SELECT variant, tenant_id, metric, {_SUMS}
    FROM figure
    JOIN counted USING (overlay_id)
    GROUP BY variant, tenant_id, metric
    ORDER BY metric, variant, tenant_id
"""  # noqa: S608 - all parts are constants


async def post_sums(connection: Connection, experiment_id: UUID) -> list[ArmSums]:
    """Return the sums of what the posts are like and took; `cost_usd` is of every overlay that is decided."""
    return [ArmSums(**dict(row)) for row in await connection.fetch(_POST_SUMS, experiment_id)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierMean:
    """What a tenant's posts had of a metric before the experiment: means over `posts` of them."""

    tenant_id: str
    metric: str
    posts: int
    mean: float
    log_mean: float


_EARLIER = """
    WITH earlier AS MATERIALIZED (
        SELECT feed.instagram_feed_id, feed.tenant_id
        FROM instagram_feeds AS feed
        WHERE feed.tenant_id IN (SELECT DISTINCT tenant_id FROM feed_requests WHERE experiment_id = $1)
            AND feed.created_at >= $3::timestamptz - $4::interval AND feed.created_at < $3
            AND feed.experiment_id IS DISTINCT FROM $1
    ),
    latest AS (
        SELECT DISTINCT ON (earlier.instagram_feed_id, outcome.metric)
            earlier.tenant_id, outcome.metric, outcome.value::float8 AS value
        FROM earlier
        JOIN feed_outcomes AS outcome USING (instagram_feed_id)
        LEFT JOIN LATERAL (
            SELECT known.published_at + $2::interval AS matures_at
            FROM feed_outcomes AS known
            WHERE $2::interval IS NOT NULL AND known.instagram_feed_id = earlier.instagram_feed_id
                AND known.published_at IS NOT NULL
            ORDER BY known.occurred_at DESC, known.received_at DESC
            LIMIT 1
        ) AS post ON true
        WHERE $2::interval IS NULL OR (outcome.occurred_at <= post.matures_at AND post.matures_at <= now())
        ORDER BY earlier.instagram_feed_id, outcome.metric, outcome.occurred_at DESC, outcome.received_at DESC,
            outcome.event_id
    )
    SELECT tenant_id, metric, count(*) AS posts, avg(value) AS mean, avg(ln(1 + greatest(value, 0))) AS log_mean
    FROM latest
    GROUP BY tenant_id, metric
    ORDER BY tenant_id, metric
"""


async def earlier_means(
    connection: Connection, experiment_id: UUID, *, started_at: datetime, mature: timedelta | None
) -> list[EarlierMean]:
    """Return what the tenants' posts of the 90 days before the start had, metric by metric."""
    earlier = timedelta(days=EARLIER_DAYS)
    rows = await connection.fetch(_EARLIER, experiment_id, mature, started_at, earlier)
    return [EarlierMean(**dict(row)) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Overlays that are not compared, and posts whose outcomes are not read yet, each counted for one reason."""

    more_than_one_arm: int
    restored_by_hand: int
    too_young: int
    published_when_unknown: int


_LEFT_OUT = f"""
    WITH {OVERLAYS},
    post AS (
        SELECT counted.overlay_id, max(publication.published_at) AS published_at
        FROM counted
        JOIN instagram_feeds AS feed USING (overlay_id)
        LEFT JOIN feed_outcomes AS publication USING (instagram_feed_id)
        WHERE feed.experiment_id = $1 AND $2::interval IS NOT NULL
        GROUP BY counted.overlay_id
    )
    SELECT
        (SELECT count(*) FROM overlay WHERE is_mixed) AS more_than_one_arm,
        (SELECT count(*) FROM overlay WHERE is_restored AND NOT is_mixed) AS restored_by_hand,
        (SELECT count(*) FROM post WHERE published_at + $2::interval > now()) AS too_young,
        (SELECT count(*) FROM post WHERE published_at IS NULL) AS published_when_unknown
"""  # noqa: S608 - all parts are constants


async def left_out(connection: Connection, experiment_id: UUID, *, mature: timedelta | None) -> LeftOut:
    """Count what the comparison does without."""
    return LeftOut(**dict(await connection.fetchrow(_LEFT_OUT, experiment_id, mature) or {}))
