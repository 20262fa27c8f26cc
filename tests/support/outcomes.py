"""Posts as they lie in the table, and events about what became of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from repository.pool import Pool

_POSTS = """
    WITH overlay AS (
        INSERT INTO overlay_layouts (overlay_id)
        SELECT coalesce($3, gen_random_uuid()) FROM generate_series(1, $2)
        ON CONFLICT (overlay_id) DO UPDATE SET overlay_id = excluded.overlay_id
        RETURNING overlay_id
    ),
    request AS (
        INSERT INTO feed_requests (
            overlay_id, revision, state, tenant_id, event_id, source_topic, source_partition, source_offset,
            source_timestamp_ms, experiment_id, variant, llm_calls, cost_usd, finished_at, created_at)
        SELECT overlay_id, $4, $7, $1, 'event', 'topic', 0, 0, 0, $5, $6, 1, 0.001, now(), $8 FROM overlay
        RETURNING overlay_id
    )
    INSERT INTO instagram_feeds (
        overlay_id, revision, llm_model_id, tenant_id, refined_ad_copy_eng, tone_style, product_description,
        store_information, gpt_prompt, instagram_ad_copy, hashtags, used_temperature, used_max_tokens, latency_ms,
        prompt_tokens, completion_tokens, total_tokens, created_at, updated_at, experiment_id, variant, llm_calls,
        cost_usd)
    SELECT overlay_id, $4, (SELECT llm_model_id FROM llm_models WHERE model_name = 'gpt-4o-mini'), $1, 'copy', 'tone',
        'product', 'store', '', 'caption', '#one', 0.7, 1000, 900, 1000, 200, 1200, $8, $8, $5, $6, 1, 0.001
    FROM request
    WHERE $7 = 'done'
    RETURNING instagram_feed_id
"""


async def store_posts(
    pool: Pool,
    posts: Mapping[str, int],
    *,
    overlay_id: UUID | None = None,
    revision: int = 1,
    experiment_id: UUID | None = None,
    variant: str | None = None,
    state: str = "done",
    created_at: datetime | None = None,
) -> dict[str, list[UUID]]:
    """Have so many posts of each tenant; gives their ids by tenant. With the state `failed`: requests without posts."""
    when = created_at or datetime.now(UTC)
    return {
        tenant: [
            row["instagram_feed_id"]
            for row in await pool.fetch(
                _POSTS, tenant, count, overlay_id, revision, experiment_id, variant, state, when
            )
        ]
        for tenant, count in posts.items()
    }


def outcome_event(instagram_feed_id: UUID | None, **changes: object) -> dict[str, object]:
    """A valid `instagram_feed.outcome`; `changes` replace or add fields."""
    event: dict[str, object] = {
        "event_id": str(uuid4()),
        "metric": "likes",
        "value": 7,
        "occurred_at": "2026-11-20T09:00:00+00:00",
    }
    if instagram_feed_id is not None:
        event["instagram_feed_id"] = str(instagram_feed_id)
    return {**event, **changes}


_EXPERIMENT = "INSERT INTO experiments (name, hash_key, unit) VALUES ($1, $1, $2) RETURNING experiment_id"
_VARIANT = """
    INSERT INTO experiment_variants (experiment_id, variant, position, weight, is_control)
    VALUES ($1, $2, $3, 1, $3 = 0)
"""
_OUTCOMES = """
    INSERT INTO feed_outcomes (event_id, instagram_feed_id, metric, value, occurred_at, published_at)
    SELECT gen_random_uuid()::text, post, $2, value, $4, $5
    FROM unnest($1::uuid[], $3::numeric[]) AS given (post, value)
"""


async def run_experiment(pool: Pool, name: str, *variants: str, unit: str = "overlay") -> UUID:
    """Have an experiment of these variants run since now, the control first; gives its id."""
    experiment_id: UUID = await pool.fetchval(_EXPERIMENT, name, unit)
    for position, variant in enumerate(variants):
        await pool.execute(_VARIANT, experiment_id, variant, position)
    await pool.execute("UPDATE experiments SET state = 'running', started_at = now() WHERE name = $1", name)
    return experiment_id


async def store_outcomes_of(
    pool: Pool,
    values: Mapping[UUID, int],
    *,
    metric: str = "likes",
    occurred_at: datetime,
    published_at: datetime | None = None,
) -> None:
    """Have a figure of each of these posts."""
    figures = [Decimal(value) for value in values.values()]
    await pool.execute(_OUTCOMES, list(values), metric, figures, occurred_at, published_at)
