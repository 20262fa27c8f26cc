"""Posts of years gone by, made by SQL: what the statements of an event's way have to find their way around."""

import asyncpg

from devstack.report import Report

ROWS_PER_STATEMENT = 250_000
LATEST_PART = 20  # of the posts, added after the checkpoint, with all indexes in place

# Texts and bytes together are about 1 kB a post, which PostgreSQL keeps uncompressed and inline.
_FILL = """
    WITH made AS MATERIALIZED (
        SELECT number, gen_random_uuid() AS overlay_id, gen_random_uuid() AS job_id, gen_random_uuid() AS feed_id,
            now() - number * interval '10 seconds' AS at, 400 + number % 200 AS prompt, 150 + number % 100 AS completion
        FROM generate_series($1::int, $2::int) AS number
    ),
    job AS (INSERT INTO jobs (job_id) SELECT job_id FROM made),
    overlay AS (INSERT INTO overlay_layouts (overlay_id) SELECT overlay_id FROM made),
    request AS (
        INSERT INTO feed_requests (
            overlay_id, state, tenant_id, job_id, event_id, llm_calls, prompt_tokens, completion_tokens, cost_usd,
            source_topic, source_partition, source_offset, source_timestamp_ms, created_at, updated_at, finished_at)
        SELECT overlay_id, 'done', 'tenant-' || number % 200, job_id, 'evt-' || overlay_id, 1, prompt, completion,
            0.000195, 'overlay.completed', number % 12, number, extract(epoch FROM at) * 1000, at, at, at
        FROM made
    )
    INSERT INTO instagram_feeds (
        instagram_feed_id, overlay_id, job_id, llm_model_id, tenant_id, refined_ad_copy_eng, tone_style,
        product_description, store_information, gpt_prompt, instagram_ad_copy, hashtags, used_temperature,
        used_max_tokens, gpt_prompt_used, gpt_response_raw, latency_ms, prompt_tokens, completion_tokens,
        total_tokens, token_usage, created_at, updated_at, prompt_version, llm_calls, source_event_id, cost_usd)
    SELECT feed_id, overlay_id, job_id, (SELECT llm_model_id FROM llm_models WHERE model_name = 'gpt-4o-mini' LIMIT 1),
        'tenant-' || number % 200, 'Shirt no. ' || number || ', light cotton for long days.', '따뜻하고 다정한 말투',
        repeat('매일 아침 만듭니다. ', 4), '오션앤코 성수점 · 연무장길 12', '', repeat('지금 만나보세요. ', 6),
        '#가을 #니트 #성수', 0.7, 1000, repeat('상품을 소개하는 글을 써 주세요. ', 4),
        jsonb_build_object('id', 'chatcmpl-' || number, 'model', 'gpt-4o-mini'), 200 + number % 50, prompt, completion,
        prompt + completion, jsonb_build_object('total_tokens', prompt + completion), at, at, 'feed-post-1', 1,
        'evt-' || overlay_id, 0.000195
    FROM made
"""

_SECONDARY_INDEXES = """
    SELECT indexname, indexdef
    FROM pg_indexes
    WHERE schemaname = 'public' AND tablename IN ('instagram_feeds', 'feed_requests')
        AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""


async def fill_with_feeds(database_url: str, feeds: int, *, report: Report) -> None:
    """Add finished requests with their posts, jobs and overlays, and have the statistics know of them.

    Indexes are dropped meanwhile and recreated, which takes a fraction of the time. A twentieth more is added at
    last, so that the pages are in the state of a database at work.
    """
    connection = await asyncpg.connect(database_url)
    try:
        indexes = await connection.fetch(_SECONDARY_INDEXES)
        # the rows are made to fit, and looking up each of their references would double the time
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("".join(f"DROP INDEX {index['indexname']};" for index in indexes))
        for first in range(1, feeds + 1, ROWS_PER_STATEMENT):
            last = min(feeds, first + ROWS_PER_STATEMENT - 1)
            await connection.execute(_FILL, first, last)
            report(f"{last:,} of {feeds:,} posts")
        report("recreating the indexes")
        await connection.execute("SET maintenance_work_mem = '512MB'")
        for index in indexes:
            await connection.execute(index["indexdef"])
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
        # a database at work: after a checkpoint the first change of each page writes all of it to the log, once
        await connection.execute(_FILL, feeds + 1, feeds + max(1, feeds // LATEST_PART))
    finally:
        await connection.close()
