"""What would refuse every post is found before one is paid for, named, and nothing stays of the rehearsal."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from devstack.endpoints import Endpoints
from repository.pool import Pool, connection, open_pool
from repository.rehearsal import DatabaseLook, look_at_database
from tests.support.databases import fresh_database

TABLES = ("feed_requests", "instagram_feeds", "outbox_events", "jobs", "overlay_layouts")
ALL_RIGHTS = """
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
"""


SKIPPING_TRIGGER = """
    CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER skip BEFORE INSERT ON instagram_feeds FOR EACH ROW EXECUTE FUNCTION skip()
"""
RAISING_TRIGGER = """
    CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no: %', NEW; END $$;
    CREATE TRIGGER no BEFORE INSERT ON instagram_feeds FOR EACH ROW EXECUTE FUNCTION no()
"""
THEIR_FOREIGN_KEY = """
    CREATE TABLE t (id VARCHAR(255) PRIMARY KEY);
    ALTER TABLE instagram_feeds
        ADD CONSTRAINT theirs FOREIGN KEY (tenant_id) REFERENCES t DEFERRABLE INITIALLY DEFERRED
"""


@pytest.fixture
async def own_url(stack: Endpoints, migrated_template: str) -> AsyncIterator[str]:
    """A database whose tables the test may change."""
    async with fresh_database(stack.database_url, template=migrated_template) as url:
        yield url


@pytest.fixture
async def owner(own_url: str) -> AsyncIterator[Pool]:
    """The owner's connections to it."""
    pool = await open_pool(own_url, size=2, application_name="tests")
    yield pool
    pool.terminate()


@pytest.fixture
async def role(own_url: str, owner: Pool) -> AsyncIterator[Pool]:
    """Connections of an application's role that has all rights it needs, and no others."""
    name, password = f"app_{uuid4().hex[:8]}", uuid4().hex
    await owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'; {ALL_RIGHTS.format(role=name)}")
    parts = urlsplit(own_url)
    url = parts._replace(netloc=f"{name}:{password}@{parts.hostname}:{parts.port}").geturl()
    pool = await open_pool(url, size=1, application_name=name)
    yield pool
    pool.terminate()
    await owner.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


async def look(pool: Pool, *, ensures: bool = True) -> DatabaseLook:
    async with connection(pool) as borrowed:
        return await look_at_database(borrowed, ensures_references=ensures)


@pytest.mark.parametrize("ensures", [True, False])
async def test_a_role_with_all_it_needs_meets_nothing_and_nothing_stays(
    role: Pool, owner: Pool, *, ensures: bool
) -> None:
    found = await look(role, ensures=ensures)
    assert (found.obstacles, found.doubts, found.unfillable) == ((), (), {})
    assert found.may_make_rows is ensures
    for table in TABLES:
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize(
    ("revoked", "named"),
    [
        ("ALL ON outbox_events", "INSERT on outbox_events"),
        ("DELETE ON outbox_events", "DELETE on outbox_events"),
        ("UPDATE ON feed_requests", "UPDATE on feed_requests"),
        ("INSERT ON instagram_feeds", "INSERT on instagram_feeds"),
        ("SELECT ON jobs", "SELECT on jobs"),
        ("ALL ON SEQUENCE instagram_feeds_pk_seq", "USAGE on instagram_feeds_pk_seq"),
    ],
)
async def test_a_right_that_is_lacking_is_named(role: Pool, owner: Pool, revoked: str, named: str) -> None:
    user = await role.fetchval("SELECT current_user")
    await owner.execute(f"REVOKE {revoked} FROM {user}")
    found = await look(role)
    assert any(named in obstacle for obstacle in found.obstacles), found


async def test_without_the_right_to_make_upstreams_rows_they_are_waited_for(role: Pool, owner: Pool) -> None:
    user = await role.fetchval("SELECT current_user")
    await owner.execute(f"REVOKE INSERT ON jobs, overlay_layouts FROM {user}")
    found = await look(role)
    assert (found.obstacles, set(found.unfillable), found.may_make_rows) == ((), {"jobs", "overlay_layouts"}, False)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE instagram_feeds ADD campaign TEXT NOT NULL", 'column "campaign" of relation "instagram_feeds"'),
        ("ALTER TABLE outbox_events ADD region TEXT NOT NULL", 'column "region" of relation "outbox_events"'),
        ("ALTER TABLE feed_requests ADD region TEXT NOT NULL", 'column "region" of relation "feed_requests"'),
        ("ALTER TABLE instagram_feeds RENAME tone_style TO tone", '"tone_style"'),
        ("ALTER TABLE outbox_events ALTER topic TYPE INTEGER USING 1", '"topic" is of type integer'),
        ("ALTER TABLE outbox_events RENAME TO outbox", '"outbox_events" does not exist'),
        ("DROP TABLE tenants", "the table tenants is missing"),
        (SKIPPING_TRIGGER, "instagram_feeds, outbox_events: a row is left out"),
    ],
)
async def test_what_refuses_every_post_is_named(owner: Pool, change: str, named: str) -> None:
    await owner.execute(change)
    found = await look(owner)
    assert any(named in obstacle for obstacle in found.obstacles), found


@pytest.mark.parametrize("table", ["feed_requests", "instagram_feeds", "outbox_events"])
async def test_row_security_that_lets_the_role_do_nothing_is_found(role: Pool, owner: Pool, table: str) -> None:
    await owner.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    [obstacle, *_] = (await look(role)).obstacles
    assert table in obstacle


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE instagram_feeds ADD CHECK (tenant_id LIKE 'store-%')",
        "ALTER TABLE instagram_feeds ADD CHECK (hashtags LIKE '#%')",
        RAISING_TRIGGER,
    ],
)
async def test_what_may_concern_the_rehearsed_post_alone_is_a_doubt(owner: Pool, change: str) -> None:
    await owner.execute(change)
    found = await look(owner)
    assert found.obstacles == ()
    assert len(found.doubts) == 1
    assert "Failing row" not in found.doubts[0]


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE instagram_feeds ADD campaign TEXT NOT NULL DEFAULT 'none'",
        "ALTER TABLE instagram_feeds ADD words INTEGER GENERATED ALWAYS AS (length(instagram_ad_copy)) STORED",
        "ALTER TABLE outbox_events ADD seen BIGINT GENERATED BY DEFAULT AS IDENTITY",
        THEIR_FOREIGN_KEY,
    ],
)
async def test_what_stands_in_nobodys_way_is_no_obstacle(owner: Pool, change: str) -> None:
    await owner.execute(change)
    assert (await look(owner)).obstacles == ()


async def test_a_column_that_a_trigger_of_theirs_fills_is_no_obstacle(owner: Pool) -> None:
    await owner.execute(
        "ALTER TABLE overlay_layouts ADD layout JSONB NOT NULL;"
        "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.layout = '{}'; RETURN NEW; END $$;"
        "CREATE TRIGGER fill BEFORE INSERT ON overlay_layouts FOR EACH ROW EXECUTE FUNCTION fill()"
    )
    assert (await look(owner)).unfillable == {}


async def test_a_database_that_takes_no_changes_is_an_obstacle(own_url: str) -> None:
    session = await asyncpg.connect(own_url)
    await session.execute(f"ALTER DATABASE {urlsplit(own_url).path[1:]} SET default_transaction_read_only = on")
    await session.close()
    pool = await open_pool(own_url, size=1, application_name="tests", must_write=False)
    [obstacle] = (await look(pool)).obstacles
    assert "default_transaction_read_only" in obstacle
    pool.terminate()
