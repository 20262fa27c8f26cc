"""Migrations reach every state they should, alone and in a crowd, and say clearly when they cannot."""

import asyncio
import sys
from typing import cast

import asyncpg
import pytest

from migrations import TAKE_LOCK
from repository import migrations
from repository.errors import StoreError
from repository.pool import Connection
from repository.schema_version import SchemaVersion, schema_version
from tests.support.waiting import eventually

UPGRADE_IN_A_PROCESS = """
import asyncio, sys
from repository import migrations
from repository.pool import Connection
from repository.schema_version import SchemaVersion, schema_version
print(len(asyncio.run(migrations.upgrade(sys.argv[1]))))
"""


ONE_FEED = """
    INSERT INTO instagram_feeds (tenant_id, refined_ad_copy_eng, tone_style, product_description,
        store_information, gpt_prompt, instagram_ad_copy, hashtags)
    VALUES ('t', 'a', 'b', 'c', 'd', 'e', 'f', '#g')
"""


async def applied_by_a_process(database_url: str) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", UPGRADE_IN_A_PROCESS, database_url, stdout=asyncio.subprocess.PIPE
    )
    stdout, _ = await process.communicate()
    return int(stdout)


WAITING_FOR_THE_LOCK = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


async def all_waiting(connection: asyncpg.Connection, sessions: int) -> bool:
    return bool(await connection.fetchval(WAITING_FOR_THE_LOCK) == sessions)


async def version(connection: asyncpg.Connection) -> SchemaVersion:
    return await schema_version(cast("Connection", connection))


async def table_names(connection: asyncpg.Connection) -> set[str]:
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row["tablename"] for row in rows}


async def test_an_upgrade_is_committed_and_reported(empty_database_url: str, connection: asyncpg.Connection) -> None:
    assert (await version(connection)).current is None
    applied = await migrations.upgrade(empty_database_url)
    state = await version(connection)
    assert applied[0] == "0001"
    assert applied[-1] == state.current == state.head
    assert {"instagram_feeds", "llm_models", "feed_requests"} <= await table_names(connection)


async def test_a_second_upgrade_has_nothing_to_do(migrated_database: str) -> None:
    assert await migrations.upgrade(migrated_database) == ()


async def test_of_processes_that_start_at_once_one_migrates_and_all_succeed(
    empty_database_url: str, connection: asyncpg.Connection
) -> None:
    async with connection.transaction():
        await connection.execute(TAKE_LOCK)
        starts = [asyncio.create_task(applied_by_a_process(empty_database_url)) for _ in range(3)]
        await eventually(lambda: all_waiting(connection, len(starts)), deadline_s=100)
    counts = sorted([await start for start in starts])
    assert counts[:2] == [0, 0]
    assert counts[2] > 0


async def test_of_tasks_that_start_at_once_one_migrates(empty_database_url: str) -> None:
    applied = await asyncio.gather(*(migrations.upgrade(empty_database_url) for _ in range(4)))
    assert sorted(bool(revisions) for revisions in applied) == [False, False, False, True]


async def test_down_and_up_again_leads_to_the_same_place(
    migrated_database: str, connection: asyncpg.Connection
) -> None:
    tables = await table_names(connection)
    taken_back = await migrations.downgrade(migrated_database, "base")
    assert (await version(connection)).current is None
    assert await migrations.upgrade(migrated_database) == taken_back[::-1]
    assert await table_names(connection) == tables


async def test_going_down_drops_the_ledger_and_keeps_posts_and_upstream_tables(
    migrated_database: str, connection: asyncpg.Connection
) -> None:
    models = await connection.fetchval("SELECT count(*) FROM llm_models")
    await migrations.downgrade(migrated_database, "base")
    tables = await table_names(connection)
    assert {"jobs", "overlay_layouts", "llm_models", "instagram_feeds"} <= tables
    assert not {"feed_requests", "outbox_events"} & tables
    assert await connection.fetchval("SELECT count(*) FROM llm_models") == models > 0


async def test_a_history_of_the_upstream_pipeline_is_not_touched(
    empty_database_url: str, connection: asyncpg.Connection
) -> None:
    await connection.execute("CREATE TABLE alembic_version AS SELECT 'theirs' AS version_num")
    await migrations.upgrade(empty_database_url)
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == "theirs"


async def test_a_table_held_by_others_ends_the_upgrade_with_the_database_as_it_was(
    phase_1_database: str, connection: asyncpg.Connection
) -> None:
    async with connection.transaction():
        await connection.execute("LOCK TABLE llm_models IN ACCESS SHARE MODE")
        with pytest.raises(migrations.MigrationError, match="another session uses a table"):
            await migrations.upgrade(phase_1_database)
    assert "feed_requests" not in await table_names(connection)
    assert (await version(connection)).current is None


@pytest.mark.parametrize(
    ("database_url", "message"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "Connect call failed"),
        ("mysql://nobody@127.0.0.1/none", "is not a postgresql:// URL"),
    ],
)
async def test_an_unreachable_database_is_one_clear_error(database_url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        await migrations.upgrade(database_url)


async def test_an_unknown_revision_is_one_clear_error(migrated_database: str) -> None:
    with pytest.raises(migrations.MigrationError, match="9999"):
        await migrations.upgrade(migrated_database, "9999")


@pytest.mark.parametrize("table", ["llm_models", "instagram_feeds"])
async def test_a_change_of_a_row_moves_its_updated_at(
    migrated_database: str, connection: asyncpg.Connection, table: str
) -> None:
    await connection.execute(ONE_FEED)
    await connection.execute(f"UPDATE {table} SET pk = pk")
    assert await connection.fetchval(f"SELECT bool_and(updated_at = created_at) FROM {table}")
    await connection.execute(f"UPDATE {table} SET pk = pk + 1000")
    assert await connection.fetchval(f"SELECT bool_and(updated_at > created_at) FROM {table}")


async def test_a_model_is_active_or_not_and_nothing_else(
    migrated_database: str, connection: asyncpg.Connection
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("UPDATE llm_models SET is_active = 'True'")


async def test_a_second_row_for_one_model_is_refused_even_without_a_version(
    migrated_database: str, connection: asyncpg.Connection
) -> None:
    insert = "INSERT INTO llm_models (provider, model_name) VALUES ('openai', 'gpt-6-luna')"
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(insert)
