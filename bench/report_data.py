"""Posts of many tenants, models, variants and days, and requests without a post, to report on.

All is computed from the row's number, so that every run has the same figures.
"""

from decimal import Decimal

import asyncpg

SPAN_DAYS = 60
TENANTS = 40
FIRST_TENANT = "test_tenant"  # that of the seed's queries

# Prices: USD per 1M tokens; the last one's are not known.
_MODELS = """
    INSERT INTO llm_models (provider, model_name, model_version, prompt_token_cost_per_1m,
        cached_prompt_token_cost_per_1m, completion_token_cost_per_1m)
    VALUES ('anthropic', 'claude-haiku-report', '2026-02-01', 0.80, 0.08, 4.00),
        ('google', 'gemini-flash-report', NULL, 0.30, 0.03, 2.50),
        ('openai', 'unpriced-report', NULL, NULL, NULL, NULL)
"""

# `cost_usd` is the sum by hand: fresh, cached and written tokens, each at its price.
_FEEDS = """
    INSERT INTO instagram_feeds (
        llm_model_id, tenant_id, refined_ad_copy_eng, tone_style, product_description, store_information,
        gpt_prompt, instagram_ad_copy, hashtags, latency_ms, prompt_tokens, completion_tokens, total_tokens,
        token_usage, created_at, prompt_version, variant, experiment_id, llm_calls, cost_usd)
    SELECT model.llm_model_id, tenant, 'A shirt', 'warm', 'A blue shirt', 'Seongsu', '', repeat('가을 셔츠 ', 20),
        '#가을 #셔츠', 400 + n * 7919 % 3000, prompt, written, prompt + written,
        jsonb_build_object('prompt_tokens', prompt, 'completion_tokens', written,
            'prompt_tokens_details', jsonb_build_object('cached_tokens', cached)),
        now() - n::bigint * 17977 % ($2 * 1440) * interval '1 minute' - interval '30 seconds', 'v' || n % 2 + 1,
        CASE n % 3 WHEN 1 THEN 'A' WHEN 2 THEN 'B' END,
        CASE WHEN n % 3 > 0 THEN '7d0d8f9e-7a51-4a2b-9a3f-0d5a1f0c6b11'::uuid END,
        1,
        ((prompt - cached) * coalesce(model.prompt_token_cost_per_1m, 0)
            + cached * coalesce(model.cached_prompt_token_cost_per_1m, model.prompt_token_cost_per_1m, 0)
            + written * coalesce(model.completion_token_cost_per_1m, 0)) / 1000000
    FROM (
        SELECT n, 600 + n * 31 % 900 AS prompt, n % 5 * 100 AS cached, 120 + n * 17 % 300 AS written,
            CASE n % $3 WHEN 0 THEN $4 ELSE 'store-' || n % $3 END AS tenant
        FROM generate_series(1, $1::int) AS n
    ) AS post
    JOIN (
        SELECT *, row_number() OVER (ORDER BY provider, model_name) - 1 AS place, count(*) OVER () AS models
        FROM llm_models
    ) AS model ON model.place = post.n / 3 % model.models
"""

_REQUESTS = """
    INSERT INTO feed_requests (
        overlay_id, state, tenant_id, event_id, attempts, llm_calls, prompt_tokens, completion_tokens, cost_usd,
        last_error_reason, source_topic, source_partition, source_offset, source_timestamp_ms,
        created_at, updated_at, finished_at)
    SELECT gen_random_uuid(), CASE n % 10 WHEN 0 THEN 'waiting' ELSE 'failed' END,
        CASE n % $3 WHEN 0 THEN $4 ELSE 'store-' || n % $3 END, 'event-' || n, 2, 2, 1000, 500, $5,
        (ARRAY['llm_refused', 'llm_output_invalid', 'llm_truncated', 'llm_unavailable'])[1 + n % 4],
        'overlay.completed', 0, n, 0, moment, moment, CASE n % 10 WHEN 0 THEN NULL ELSE moment END
    FROM (
        SELECT n, now() - n::bigint * 17977 % ($2 * 1440) * interval '1 minute' - interval '30 seconds' AS moment
        FROM generate_series(1, $1::int / 50) AS n
    ) AS request
"""
SPENT_ON_A_FAILURE_USD = Decimal("0.00045")


async def fill(connection: asyncpg.Connection, feeds: int) -> None:
    """Store so many posts, and a fiftieth of that many requests that failed or wait."""
    await connection.execute(_MODELS)
    await connection.execute(_FEEDS, feeds, SPAN_DAYS, TENANTS, FIRST_TENANT)
    await connection.execute(_REQUESTS, feeds, SPAN_DAYS, TENANTS, FIRST_TENANT, SPENT_ON_A_FAILURE_USD)
    await connection.execute("VACUUM ANALYZE instagram_feeds, feed_requests, llm_models")
