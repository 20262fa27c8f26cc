"""Roles with the least rights: enough for what they are for, and for nothing else."""

import asyncio
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from devstack.endpoints import Endpoints
from repository import migrations
from repository.operations.roles import Roles, apply_roles, roles_sql
from repository.pool import connection, open_pool, open_session
from repository.rehearsal import DatabaseLook, look_at_database
from repository.rights import OF_TENANTS, READABLE, REPLAYS, SERVICE
from tests.support.databases import fresh_database
from tests.support.ledger_rows import query
from tests.support.roles import least_roles, url_of

TABLES = """
    SELECT table_name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_name NOT LIKE 'pg_%' ORDER BY 1
"""
TENANT_COLUMNS = """
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY 1
"""
NO_ROWS_OF_ONE_TENANT = {
    "budgets",
    "tenants",
    "experiment_tenants",
    "running_experiment_tenants",
    "current_instagram_feeds",
}
REQUEST = """
    INSERT INTO feed_requests (
        overlay_id, revision, tenant_id, event_id, state,
        source_topic, source_partition, source_offset, source_timestamp_ms
    )
    VALUES (gen_random_uuid(), 1, $1::text, $1::text, 'waiting', 't', 0, 0, 0)
"""


async def look(url: str) -> DatabaseLook:
    pool = await open_pool(url, size=1, application_name="tests")
    try:
        async with connection(pool) as borrowed:
            return await look_at_database(borrowed, ensures_references=True)
    finally:
        pool.terminate()


async def refusal(url: str, statement: str) -> str:
    with pytest.raises(asyncpg.InsufficientPrivilegeError) as caught:
        await query(url, statement)
    return str(caught.value)


async def test_every_table_is_in_the_list_of_rights(database_url: str) -> None:
    tables = {row["table_name"] for row in await query(database_url, TABLES)}
    assert tables - set(READABLE) == set(), "say in repository/rights.py who needs what of it"
    assert set(SERVICE) | set(REPLAYS) <= tables
    with_tenants = {row["table_name"] for row in await query(database_url, TENANT_COLUMNS)}
    assert with_tenants - set(OF_TENANTS) - NO_ROWS_OF_ONE_TENANT == set(), "are its rows each one tenant's?"


async def test_the_application_can_do_all_it_needs_and_makes_and_drops_nothing(database_url: str) -> None:
    async with least_roles(database_url) as roles:
        found = await look(roles.app)
        assert (found.obstacles, found.doubts, found.unfillable, found.may_make_rows) == ((), (), {}, True)
        for statement in (
            "CREATE TABLE public.mine ()",
            "DROP TABLE instagram_feeds",
            "ALTER TABLE instagram_feeds ADD mine TEXT",
            "UPDATE instagram_feeds SET tenant_id = 'else'",
            "DELETE FROM instagram_feeds",
            "DELETE FROM feed_requests",
            "UPDATE llm_models SET is_active = 'false'",
            "UPDATE instagram_feed_migrations SET version_num = 'x'",
            "TRUNCATE outbox_events",
        ):
            await refusal(roles.app, statement)


async def test_who_reads_for_reports_changes_nothing(database_url: str) -> None:
    async with least_roles(database_url) as roles:
        for table in READABLE:
            await query(roles.reports, f"SELECT * FROM {table} LIMIT 1")
            await refusal(roles.reports, f"DELETE FROM {table}")
        await refusal(roles.reports, "CREATE TABLE public.mine ()")


async def test_a_tenant_s_session_reads_the_rows_of_no_other(database_url: str) -> None:
    async with least_roles(database_url, "shop-1", "it's shop-2") as roles:
        for tenant_id in ("shop-1", "shop-1", "it's shop-2", "shop-3"):
            await query(database_url, REQUEST, tenant_id)
        for tenant_id, expected in (("shop-1", 2), ("it's shop-2", 1)):
            rows = await query(roles.tenants[tenant_id], "SELECT tenant_id FROM feed_requests")
            assert [row["tenant_id"] for row in rows] == [tenant_id] * expected
        first = roles.tenants["shop-1"]
        session = await asyncpg.connect(first)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await session.execute("SET row_security = off; SELECT * FROM feed_requests")
        await session.close()
        for statement in (
            "SELECT * FROM llm_calls",
            "SELECT * FROM current_instagram_feeds",
            "UPDATE feed_requests SET tenant_id = 'shop-1'",
            "ALTER TABLE feed_requests DISABLE ROW LEVEL SECURITY",
        ):
            await refusal(first, statement)
        for all_seeing in (roles.app, roles.reports):
            assert len(await query(all_seeing, "SELECT * FROM feed_requests")) == 4
        assert (await look(roles.app)).obstacles == ()


async def test_an_owner_migrates_a_schema_of_its_own_and_the_application_finds_it_by_the_search_path(
    stack: Endpoints,
) -> None:
    owner = f"owner_{uuid4().hex[:8]}"
    async with fresh_database(stack.database_url) as url:
        await query(url, "CREATE SCHEMA feeds")
        session = await open_session(url, application_name="tests")
        await session.execute(roles_sql(Roles(owner=owner), schema="feeds") + f"ALTER ROLE {owner} PASSWORD 'made-up'")
        try:
            await migrations.upgrade(in_schema(url_of(url, owner), "feeds"))
            async with least_roles(url, "shop-1", schema="feeds") as roles:
                found = await look(in_schema(roles.app, "feeds"))
                assert (found.obstacles, found.doubts, found.unfillable) == ((), (), {})
                assert await query(in_schema(roles.tenants["shop-1"], "feeds"), "SELECT * FROM instagram_feeds") == []
            assert not await query(url, TABLES)
        finally:
            await session.execute(f"DROP OWNED BY {owner} CASCADE; DROP ROLE {owner}")
            await session.close()


async def test_executed_again_the_same_rights_are_there(database_url: str) -> None:
    async with least_roles(database_url, "shop-1") as roles:
        app = str(urlsplit(roles.app).username)
        tenant = str(urlsplit(roles.tenants["shop-1"]).username)
        session = await open_session(database_url, application_name="tests")
        await apply_roles(session, Roles(app=app, tenants={tenant: "shop-1"}), schema="public")
        await session.close()
        assert (await look(roles.app)).obstacles == ()


async def test_in_a_database_that_is_not_migrated_nothing_is_changed(empty_database_url: str) -> None:
    session = await open_session(empty_database_url, application_name="tests")
    role = f"app_{uuid4().hex[:8]}"
    with pytest.raises(asyncpg.UndefinedTableError):
        await session.execute(roles_sql(Roles(app=role), schema="public"))
    await asyncio.wait_for(session.close(), 5)
    assert not await query(empty_database_url, "SELECT 1 FROM pg_roles WHERE rolname = $1", role)


def in_schema(url: str, schema: str) -> str:
    return urlsplit(url)._replace(query=f"options=-csearch_path%3D{schema}").geturl()
