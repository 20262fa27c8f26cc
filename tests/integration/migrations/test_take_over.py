"""A database on which the seed's phase 1 is deployed is taken over in place, with all its rows."""

from decimal import Decimal

import asyncpg
import pytest

from repository import migrations

MODELS = """
    INSERT INTO llm_models (provider, model_name, model_version, prompt_token_cost_per_1m,
        completion_token_cost_per_1m, is_active, created_at, updated_at)
    VALUES
        ('openai', 'gpt-4o-mini', '2024-07-18', 0.16, 0.61, 'TRUE', '2026-01-01', '2026-01-02'),
        ('openai', 'gpt-4o-mini', '2024-07-18', 0.15, 0.60, 'true', '2026-01-03', '2026-01-04'),
        ('anthropic', 'claude', NULL, 1.1, 5.5, 'f', '2026-01-05', '2026-01-06'),
        ('anthropic', 'claude', NULL, 1.1, 5.5, NULL, '2026-01-07', '2026-01-08')
"""
FEEDS = """
    INSERT INTO jobs VALUES ('00000000-0000-0000-0000-000000000001', 'Seongsu');
    INSERT INTO overlay_layouts VALUES ('00000000-0000-0000-0000-000000000002', '{}');
    INSERT INTO instagram_feeds (job_id, overlay_id, llm_model_id, tenant_id, refined_ad_copy_eng,
        tone_style, product_description, store_information, gpt_prompt, instagram_ad_copy,
        hashtags, created_at, updated_at)
    SELECT job_id, old.overlay_id, llm_model_id, 't', 'a', 'b', 'c', 'd', 'e', post, '#g',
        written_at, written_at
    FROM jobs, overlay_layouts,
        (SELECT llm_model_id FROM llm_models WHERE is_active = 'TRUE') AS model,
        LATERAL (VALUES
            ('newest', overlay_id, TIMESTAMPTZ '2026-03-03'),
            ('oldest', overlay_id, TIMESTAMPTZ '2026-03-01'),
            ('between', overlay_id, TIMESTAMPTZ '2026-03-02'),
            ('without overlay', NULL, TIMESTAMPTZ '2026-03-04'),
            ('without overlay too', NULL, TIMESTAMPTZ '2026-03-05')
        ) AS old (post, overlay_id, written_at);
"""
SHAPE = """
    SELECT table_name, column_name, data_type, is_nullable, column_default
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT IN ('jobs', 'overlay_layouts')
    UNION ALL
    SELECT tablename, indexname, indexdef, NULL, NULL FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), NULL, NULL
    FROM pg_constraint WHERE conrelid::regclass::text NOT IN ('-', 'jobs', 'overlay_layouts')
    UNION ALL
    SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), NULL, NULL
    FROM pg_trigger WHERE NOT tgisinternal
"""


async def rows_of(connection: asyncpg.Connection, table: str) -> list[dict[str, object]]:
    return [dict(row) for row in await connection.fetch(f"SELECT * FROM {table} ORDER BY pk")]


@pytest.fixture
async def old_database(phase_1_database: str, connection: asyncpg.Connection) -> str:
    await connection.execute(MODELS)
    await connection.execute(FEEDS)
    return phase_1_database


async def test_old_posts_keep_every_value(old_database: str, connection: asyncpg.Connection) -> None:
    before = await rows_of(connection, "instagram_feeds")
    await migrations.upgrade(old_database)
    after = await rows_of(connection, "instagram_feeds")
    assert len(after) == 5
    assert [{key: row[key] for key in before[0]} for row in after] == before


async def test_old_posts_of_one_overlay_are_revisions_by_age(old_database: str, connection: asyncpg.Connection) -> None:
    await migrations.upgrade(old_database)
    posts = await rows_of(connection, "instagram_feeds")
    assert {row["instagram_ad_copy"]: row["revision"] for row in posts} == {
        "oldest": 1,
        "between": 2,
        "newest": 3,
        "without overlay": 1,
        "without overlay too": 1,
    }


async def test_the_ledger_knows_the_overlays_of_old_posts(old_database: str, connection: asyncpg.Connection) -> None:
    await migrations.upgrade(old_database)
    posts = await connection.fetch(
        "SELECT overlay_id, revision FROM instagram_feeds WHERE overlay_id IS NOT NULL ORDER BY 1, 2"
    )
    known = await connection.fetch("SELECT overlay_id, revision FROM feed_requests WHERE state = 'done' ORDER BY 1, 2")
    assert known == posts


async def test_old_prices_stay_exact_to_the_digit(old_database: str, connection: asyncpg.Connection) -> None:
    await migrations.upgrade(old_database)
    models = (await rows_of(connection, "llm_models"))[:4]
    assert [row["prompt_token_cost_per_1m"] for row in models] == [
        Decimal("0.16"),
        Decimal("0.15"),
        Decimal("1.1"),
        Decimal("1.1"),
    ]


async def test_of_two_rows_for_one_model_the_older_active_one_keeps_its_name(
    old_database: str, connection: asyncpg.Connection
) -> None:
    await migrations.upgrade(old_database)
    models = (await rows_of(connection, "llm_models"))[:4]
    assert [(row["model_version"], row["is_active"]) for row in models] == [
        ("2024-07-18", "true"),
        ("2024-07-18 (duplicate 2)", "false"),
        (None, "false"),
        ("(duplicate 2)", "false"),
    ]


async def test_a_known_model_learns_its_shutdown_date_and_keeps_its_price(
    old_database: str, connection: asyncpg.Connection
) -> None:
    await migrations.upgrade(old_database)
    first, *_, added = await rows_of(connection, "llm_models")
    assert str(first["shutdown_date"]) == "2027-01-14"
    assert first["completion_token_cost_per_1m"] == Decimal("0.61")
    assert added["model_name"] == "gpt-6-luna"


async def test_upstream_tables_are_left_alone(old_database: str, connection: asyncpg.Connection) -> None:
    await migrations.upgrade(old_database)
    assert dict((await connection.fetch("SELECT * FROM jobs"))[0])["store"] == "Seongsu"
    assert list((await connection.fetch("SELECT * FROM overlay_layouts"))[0].keys()) == [
        "overlay_id",
        "layout",
    ]


async def test_a_database_taken_over_equals_a_new_one(
    old_database: str, connection: asyncpg.Connection, database_url: str
) -> None:
    await migrations.upgrade(old_database)
    fresh = await asyncpg.connect(database_url)
    taken_over_shape = set(await connection.fetch(SHAPE))
    fresh_shape = set(await fresh.fetch(SHAPE))
    await fresh.close()
    assert taken_over_shape == fresh_shape


async def test_going_down_and_up_again_keeps_old_posts_and_their_revisions(
    old_database: str, connection: asyncpg.Connection
) -> None:
    await migrations.upgrade(old_database)
    before = await rows_of(connection, "instagram_feeds")
    await migrations.downgrade(old_database, "base")
    await migrations.upgrade(old_database)
    assert await rows_of(connection, "instagram_feeds") == before


async def test_an_old_value_that_means_neither_yes_nor_no_stops_the_upgrade(
    old_database: str, connection: asyncpg.Connection
) -> None:
    await connection.execute("UPDATE llm_models SET is_active = 'maybe' WHERE is_active = 'f'")
    before = await rows_of(connection, "llm_models")
    with pytest.raises(migrations.MigrationError, match=r"llm_models\.is_active .* 'maybe'"):
        await migrations.upgrade(old_database)
    assert await rows_of(connection, "llm_models") == before
