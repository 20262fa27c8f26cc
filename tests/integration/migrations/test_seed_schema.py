"""The migrated tables are the seed's, and the seed's nine queries run word for word."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.support.seed_queries import ANY_ID, SEED_QUERIES

# The two decisions that depart from the seed: prices must round, and ids need no extension.
PRICES = {"prompt_token_cost_per_1m", "completion_token_cost_per_1m"}
GENERATED_IDS = {"llm_model_id", "instagram_feed_id"}

COLUMNS = """
    SELECT table_name, column_name, is_nullable, column_default,
        concat(data_type, character_maximum_length) AS data_type
    FROM information_schema.columns
    WHERE table_schema = $1 AND table_name IN ('llm_models', 'instagram_feeds')
"""
KEYS_AND_INDEXES = """
    SELECT indexname AS name, indexdef AS definition FROM pg_indexes
    WHERE schemaname = $1 AND tablename IN ('llm_models', 'instagram_feeds')
    UNION ALL
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype IN ('f', 'p') AND connamespace = $1::regnamespace
        AND conrelid::regclass::text ~ '(llm_models|instagram_feeds)$'
"""


async def columns_in(connection: asyncpg.Connection, schema: str) -> dict[tuple[str, str], dict[str, Any]]:
    rows = await connection.fetch(COLUMNS, schema)
    return {
        (row["table_name"], row["column_name"]): {
            "type": row["data_type"],
            "nullable": row["is_nullable"],
            "default": without_schema(row["column_default"] or "", schema),
        }
        for row in rows
    }


async def keys_and_indexes_in(connection: asyncpg.Connection, schema: str) -> dict[str, str]:
    rows = await connection.fetch(KEYS_AND_INDEXES, schema)
    return {row["name"]: without_schema(row["definition"], schema) for row in rows}


def without_schema(definition: str, schema: str) -> str:
    return definition.replace(f"{schema}.", "")


@pytest.fixture
async def seed_beside(migrated_database: str, connection: asyncpg.Connection, phase_1_tables: str) -> None:
    """Create the seed's own tables in a schema `seed` beside the migrated ones."""
    await connection.execute(f"CREATE SCHEMA seed; SET search_path TO seed; {phase_1_tables}")
    await connection.execute("SET search_path TO pg_catalog")


@pytest.mark.usefixtures("seed_beside")
async def test_every_seed_column_has_the_seeds_type_default_and_nullability(
    connection: asyncpg.Connection,
) -> None:
    seed = await columns_in(connection, "seed")
    migrated = await columns_in(connection, "public")
    for (_, name), column in seed.items():
        if name in PRICES:
            column["type"] = "numeric"
        elif name in GENERATED_IDS and column["default"]:
            column["default"] = "gen_random_uuid()"
    assert {key: migrated[key] for key in seed} == seed
    assert len(seed) == 37


@pytest.mark.usefixtures("seed_beside")
async def test_every_seed_key_and_index_is_there(connection: asyncpg.Connection) -> None:
    seed = await keys_and_indexes_in(connection, "seed")
    migrated = await keys_and_indexes_in(connection, "public")
    assert {name: migrated[name] for name in seed} == seed
    assert len([name for name in seed if name.startswith("idx_")]) == 12


@pytest.fixture
async def overlay_id(migrated_database: str, connection: asyncpg.Connection) -> UUID:
    """Two posts of the seed's test tenant, for one job and overlay; the id serves for both."""
    some_id = uuid4()
    await connection.execute("INSERT INTO jobs (job_id) VALUES ($1)", some_id)
    await connection.execute("INSERT INTO overlay_layouts (overlay_id) VALUES ($1)", some_id)
    await connection.execute(TWO_FEEDS, some_id)
    return some_id


TWO_FEEDS = """
    INSERT INTO instagram_feeds (job_id, overlay_id, revision, llm_model_id, tenant_id,
        refined_ad_copy_eng, tone_style, product_description, store_information, gpt_prompt,
        instagram_ad_copy, hashtags, latency_ms, prompt_tokens, completion_tokens, total_tokens)
    SELECT $1, $1, revision, llm_model_id, 'test_tenant', 'a', 'b', 'c', 'd', 'e', 'f', '#g',
        100.0 * revision, 1000000, 2000000, 3000000
    FROM llm_models, generate_series(1, 2) AS revision
    WHERE model_name = 'gpt-4o-mini'
"""


@pytest.mark.parametrize("number", sorted(SEED_QUERIES))
async def test_the_seed_query_finds_the_posts(connection: asyncpg.Connection, overlay_id: UUID, number: str) -> None:
    rows = await connection.fetch(SEED_QUERIES[number].replace(ANY_ID, str(overlay_id)))
    assert len(rows) == (2 if number in "123" else 1)


def test_all_nine_queries_of_the_seed_are_tried() -> None:
    assert "".join(SEED_QUERIES) == "123456789"


async def test_the_seed_query_for_cost_counts_tokens_at_the_models_price(
    connection: asyncpg.Connection, overlay_id: UUID
) -> None:
    (row,) = await connection.fetch(SEED_QUERIES["6"])
    assert row["request_count"] == 2
    assert row["estimated_input_cost_usd"] == Decimal("0.3000")
    assert row["estimated_output_cost_usd"] == Decimal("2.4000")
    assert row["estimated_total_cost_usd"] == Decimal("2.7000")
