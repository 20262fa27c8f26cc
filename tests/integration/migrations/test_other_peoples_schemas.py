"""Tables that are there before this program are used where they are, or named with what is wrong about them."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from devstack.endpoints import Endpoints
from repository import migrations
from repository.errors import ReadOnlyDatabase
from repository.pool import connection as borrow
from repository.pool import open_pool
from repository.references import KEYS
from repository.rehearsal import look_at_database
from tests.support.databases import database_name

PATH_OF_TWO = "?options=-csearch_path%3Dfeeds,platform"
PLATFORM = """
    CREATE SCHEMA platform;
    CREATE TABLE platform.jobs (job_id UUID PRIMARY KEY, tenant_id TEXT NOT NULL, created_at TIMESTAMP DEFAULT now());
    CREATE TABLE platform.overlay_layouts (overlay_id UUID PRIMARY KEY, layout JSONB NOT NULL);
    CREATE SCHEMA feeds;
"""
SCHEMAS_OF = "SELECT nspname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE relname = $1 ORDER BY 1"
THEIR_OUTBOX = "CREATE TABLE outbox_events (id BIGINT PRIMARY KEY, payload JSONB)"


async def schemas_of(connection: asyncpg.Connection, table: str) -> list[str]:
    return [row["nspname"] for row in await connection.fetch(SCHEMAS_OF, table)]


async def refusal(database_url: str) -> str:
    """What an upgrade says that cannot be; in one line."""
    with pytest.raises(migrations.MigrationError) as caught:
        await migrations.upgrade(database_url)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_upstreams_tables_are_used_wherever_the_search_path_finds_them(
    empty_database_url: str, connection: asyncpg.Connection
) -> None:
    await connection.execute(PLATFORM)
    await migrations.upgrade(empty_database_url + PATH_OF_TWO)
    assert await schemas_of(connection, "jobs") == ["platform"]
    assert await schemas_of(connection, "overlay_layouts") == ["platform"]
    assert await schemas_of(connection, "instagram_feeds") == ["feeds"]
    target = "SELECT confrelid::regclass::text FROM pg_constraint WHERE conname = 'instagram_feeds_job_id_fkey'"
    assert await connection.fetchval(target) == "platform.jobs"


async def test_the_seeds_tables_are_taken_over_in_a_later_schema_of_the_path(
    empty_database_url: str, connection: asyncpg.Connection, phase_1_tables: str
) -> None:
    await connection.execute(
        f"CREATE SCHEMA feeds; CREATE SCHEMA platform; SET search_path TO platform;{phase_1_tables}"
    )
    await migrations.upgrade(empty_database_url + PATH_OF_TWO)
    for table in ("jobs", "overlay_layouts", "llm_models", "instagram_feeds"):
        assert await schemas_of(connection, table) == ["platform"]


async def test_a_table_of_ours_that_is_theirs_stops_the_upgrade_in_one_line_and_a_schema_of_its_own_helps(
    empty_database_url: str, connection: asyncpg.Connection
) -> None:
    await connection.execute(THEIR_OUTBOX)
    said = await refusal(empty_database_url)
    assert 'relation "outbox_events" already exists' in said
    assert "search_path" in said
    assert await schemas_of(connection, "feed_requests") == []

    await connection.execute("CREATE SCHEMA feeds")
    await migrations.upgrade(f"{empty_database_url}?options=-csearch_path%3Dfeeds,public")
    assert await schemas_of(connection, "outbox_events") == ["feeds", "public"]


async def test_times_without_a_zone_get_the_one_they_were_written_in(
    empty_database_url: str, connection: asyncpg.Connection, phase_1_tables: str
) -> None:
    await connection.execute(phase_1_tables)
    await connection.execute("INSERT INTO llm_models (model_name, provider) VALUES ('m', 'openai')")
    for table in ("llm_models", "instagram_feeds"):
        await connection.execute(
            f"ALTER TABLE {table} ALTER created_at TYPE TIMESTAMP, ALTER updated_at TYPE TIMESTAMP"
        )
    await connection.execute("UPDATE llm_models SET created_at = '2026-01-01 09:00'")
    await migrations.upgrade(f"{empty_database_url}?options=-cTimeZone%3DAsia/Seoul")
    query = "SELECT to_char(created_at AT TIME ZONE 'UTC', 'HH24:MI') FROM llm_models WHERE model_name = 'm'"
    assert await connection.fetchval(query) == "00:00"
    types = "SELECT DISTINCT atttypid::regtype::text FROM pg_attribute WHERE attname IN ('created_at', 'updated_at')"
    of_ours = f"{types} AND attrelid IN ('llm_models'::regclass, 'instagram_feeds'::regclass)"
    assert await connection.fetchval(of_ours) == "timestamp with time zone"


async def test_times_without_a_zone_that_an_earlier_version_took_over_get_theirs(
    empty_database_url: str, connection: asyncpg.Connection
) -> None:
    await migrations.upgrade(empty_database_url, "0009")
    view = await connection.fetchval("SELECT pg_get_viewdef('current_instagram_feeds')")
    await connection.execute("DROP VIEW current_instagram_feeds")
    await connection.execute("ALTER TABLE instagram_feeds ALTER created_at TYPE TIMESTAMP")
    await connection.execute(f"CREATE VIEW current_instagram_feeds AS {view}")
    await migrations.upgrade(empty_database_url)
    column = "attrelid = 'current_instagram_feeds'::regclass AND attname = 'created_at'"
    of_view = f"SELECT atttypid::regtype::text FROM pg_attribute WHERE {column}"
    assert await connection.fetchval(of_view) == "timestamp with time zone"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE llm_models ALTER is_active TYPE BOOLEAN USING true", "llm_models.is_active is boolean"),
        ("ALTER TABLE overlay_layouts RENAME overlay_id TO id", "overlay_layouts.overlay_id is missing"),
        ("ALTER TABLE instagram_feeds RENAME hashtags TO tags", "instagram_feeds.hashtags is missing"),
        ("ALTER TABLE instagram_feeds ALTER latency_ms TYPE TEXT", "instagram_feeds.latency_ms is text"),
        (
            "INSERT INTO llm_models (model_name, provider, is_active) VALUES ('m', 'p', 'active')",
            "it also holds 'active'",
        ),
    ],
)
async def test_what_cannot_be_taken_over_is_named_with_table_and_column(
    phase_1_database: str, connection: asyncpg.Connection, change: str, named: str
) -> None:
    await connection.execute("ALTER TABLE llm_models ALTER is_active DROP DEFAULT")
    await connection.execute("INSERT INTO llm_models (model_name, provider) VALUES ('m', 'openai')")
    await connection.execute(change)
    said = await refusal(phase_1_database)
    assert named in said
    assert await schemas_of(connection, "feed_requests") == []


async def test_upstreams_keys_kept_as_text_are_named(empty_database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute("CREATE TABLE jobs (job_id VARCHAR(36) PRIMARY KEY)")
    assert "jobs.job_id is character varying, where this program needs uuid" in await refusal(empty_database_url)


async def test_keys_of_a_domain_over_uuid_are_taken(empty_database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute("CREATE DOMAIN job_key AS UUID; CREATE TABLE jobs (job_id job_key PRIMARY KEY)")
    assert await migrations.upgrade(empty_database_url)


@pytest.fixture
async def latin_database_url(stack: Endpoints) -> AsyncIterator[str]:
    """The URL of a database whose encoding cannot hold Korean."""
    server = await asyncpg.connect(stack.database_url)
    await server.execute("DROP DATABASE IF EXISTS latin WITH (FORCE)")
    await server.execute("CREATE DATABASE latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    yield urlsplit(stack.database_url)._replace(path="/latin").geturl()
    await server.execute("DROP DATABASE latin WITH (FORCE)")
    await server.close()


async def test_a_database_that_cannot_hold_every_post_is_refused(latin_database_url: str) -> None:
    assert "encoding is LATIN1" in await refusal(latin_database_url)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "UPDATE instagram_feed_migrations SET version_num = '9999'",
            "at migration 9999, and this program knows those up",
        ),
        ("DROP TABLE instagram_feed_migrations", "not what instagram_feed_migrations says of their revision"),
        ("DELETE FROM instagram_feed_migrations", "not what instagram_feed_migrations says of their revision"),
    ],
)
async def test_tables_of_a_revision_that_is_not_known_are_left_alone(
    change: str, told: str, empty_database_url: str, connection: asyncpg.Connection
) -> None:
    await migrations.upgrade(empty_database_url)
    await connection.execute(change)
    assert told in await refusal(empty_database_url)


async def test_a_schema_that_does_not_exist_is_named_with_where_it_is_asked_for(empty_database_url: str) -> None:
    said = await refusal(f"{empty_database_url}?schema=Nope")
    assert '("Nope")' in said
    assert "DATABASE_URL" in said


async def test_a_database_that_takes_no_changes_is_told_so(
    empty_database_url: str, connection: asyncpg.Connection
) -> None:
    name = database_name(empty_database_url)
    await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(ReadOnlyDatabase, match="default_transaction_read_only=on"):
        await migrations.upgrade(empty_database_url)


async def test_upstreams_tables_may_be_partitioned(empty_database_url: str, connection: asyncpg.Connection) -> None:
    for table, key in (("jobs", "job_id"), ("overlay_layouts", "overlay_id")):
        await connection.execute(f"CREATE TABLE {table} ({key} UUID PRIMARY KEY) PARTITION BY HASH ({key})")
        for remainder in range(2):
            await connection.execute(
                f"CREATE TABLE {table}_{remainder} PARTITION OF {table} "
                f"FOR VALUES WITH (MODULUS 2, REMAINDER {remainder})"
            )
    await migrations.upgrade(empty_database_url)
    pool = await open_pool(empty_database_url, size=1, application_name="tests")
    async with borrow(pool) as borrowed:
        found = await look_at_database(borrowed, ensures_references=True)
    await pool.close()
    assert (found.obstacles, found.unfillable) == ((), {})


@pytest.mark.parametrize("table", ["jobs", "overlay_layouts"])
async def test_a_view_in_place_of_upstreams_table_stops_the_upgrade_and_is_named(
    empty_database_url: str, connection: asyncpg.Connection, table: str
) -> None:
    await connection.execute(f"CREATE VIEW {table} AS SELECT gen_random_uuid() AS {KEYS[table]}")
    assert f'"{table}"' in await refusal(empty_database_url)
    assert await schemas_of(connection, "feed_requests") == []


async def test_a_search_path_that_the_role_or_the_database_sets_is_followed(
    empty_database_url: str, connection: asyncpg.Connection
) -> None:
    await connection.execute(PLATFORM)
    name = database_name(empty_database_url)
    await connection.execute(f'ALTER DATABASE "{name}" SET search_path TO feeds, platform')
    await migrations.upgrade(empty_database_url)
    assert await schemas_of(connection, "jobs") == ["platform"]
    assert await schemas_of(connection, "instagram_feeds") == ["feeds"]
    role = f"app_{uuid4().hex[:8]}"
    await connection.execute(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'app'")
    await connection.execute(f'ALTER ROLE {role} IN DATABASE "{name}" SET search_path TO platform, feeds')
    parts = urlsplit(empty_database_url)
    url = parts._replace(netloc=f"{role}:app@{parts.hostname}:{parts.port}").geturl()
    pool = await open_pool(url, size=1, application_name="tests")
    async with borrow(pool) as borrowed:
        assert (await look_at_database(borrowed, ensures_references=True)).obstacles == ()
    await pool.close()
    await connection.execute(f"DROP ROLE {role}")
