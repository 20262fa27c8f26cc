"""What the tables of experiments hold true by themselves, whatever writes to them."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from consumer.post.prompt import PromptTemplate

TRIES = 100


@pytest.fixture
async def tables(migrated_database: str, connection: asyncpg.Connection) -> asyncpg.Connection:
    """A session in a database at the newest revision."""
    return connection


@pytest.fixture
async def other_session(migrated_database: str) -> AsyncIterator[asyncpg.Connection]:
    """A second session in the same database."""
    session = await asyncpg.connect(migrated_database)
    yield session
    await session.close()


async def draft(session: asyncpg.Connection, name: str, tenants: tuple[str, ...] = ()) -> UUID:
    experiment_id: UUID = await session.fetchval(
        "INSERT INTO experiments (name, hash_key) VALUES ($1, $1) RETURNING experiment_id", name
    )
    await session.execute(
        """
        INSERT INTO experiment_variants (experiment_id, variant, position, weight, is_control)
        VALUES ($1, 'a', 0, 1, true), ($1, 'b', 1, 1, false)
        """,
        experiment_id,
    )
    await session.executemany(
        "INSERT INTO experiment_tenants VALUES ($1, $2)", [(experiment_id, tenant) for tenant in tenants]
    )
    return experiment_id


async def start(session: asyncpg.Connection, experiment_id: UUID) -> bool:
    """Start it; False: another one runs for a tenant of it."""
    try:
        await session.execute("UPDATE experiments SET state = 'running' WHERE experiment_id = $1", experiment_id)
    except asyncpg.ExclusionViolationError:
        return False
    return True


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ((), (), False),
        ((), ("shop-1",), False),
        (("shop-1",), (), False),
        (("shop-1", "shop-2"), ("shop-2", "shop-3"), False),
        (("shop-1", "shop-3"), ("shop-2",), True),
        (("가게",), ("가게 2",), True),
    ],
)
async def test_one_experiment_runs_for_a_tenant(
    tables: asyncpg.Connection, first: tuple[str, ...], second: tuple[str, ...], *, both: bool
) -> None:
    one, other = await draft(tables, "one", first), await draft(tables, "other", second)
    assert await start(tables, one)
    assert await start(tables, other) is both
    await tables.execute("UPDATE experiments SET state = 'stopped' WHERE experiment_id = $1", one)
    assert both or await start(tables, other)


async def test_of_two_starts_at_once_one_succeeds(
    tables: asyncpg.Connection, other_session: asyncpg.Connection
) -> None:
    for number in range(TRIES):
        pair = [await draft(tables, f"{side}-{number}", ("shop-2", "shop-1")[:: 1 - 2 * side]) for side in (0, 1)]
        ends = await asyncio.gather(start(tables, pair[0]), start(other_session, pair[1]))
        assert sorted(ends) == [False, True]
        await tables.execute("UPDATE experiments SET state = 'stopped' WHERE state = 'running'")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE experiments SET share = 0.4",
        "UPDATE experiments SET hash_key = 'another'",
        "UPDATE experiments SET unit = 'tenant'",
        "UPDATE experiments SET state = 'draft'",
        "DELETE FROM experiments",
        "UPDATE experiment_variants SET weight = 3 WHERE variant = 'b'",
        "DELETE FROM experiment_variants WHERE variant = 'b'",
        "INSERT INTO experiment_variants SELECT experiment_id, 'c', 2, 1 FROM experiments",
        "INSERT INTO experiment_tenants SELECT experiment_id, 'shop-1' FROM experiments",
    ],
)
async def test_a_running_experiment_does_not_change(tables: asyncpg.Connection, change: str) -> None:
    experiment_id = await draft(tables, "one")
    await tables.execute("UPDATE experiments SET share = 0.5")
    await start(tables, experiment_id)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await tables.execute(change)
    assert refused.value.constraint_name == "started_experiments_are_immutable"


async def test_a_running_experiment_widens_and_stops_for_good(tables: asyncpg.Connection) -> None:
    await start(tables, await draft(tables, "one"))
    await tables.execute("UPDATE experiments SET share = 1")
    await tables.execute("UPDATE experiments SET state = 'stopped', stopped_at = now()")
    with pytest.raises(asyncpg.CheckViolationError):
        await tables.execute("UPDATE experiments SET state = 'running'")


async def test_a_draft_goes_with_its_parts(tables: asyncpg.Connection) -> None:
    await draft(tables, "one", ("shop-1",))
    await tables.execute("DELETE FROM experiments")
    assert await tables.fetchval("SELECT count(*) FROM experiment_variants") == 0


@pytest.mark.parametrize("change", ["UPDATE prompts SET template = 'Write.'", "DELETE FROM prompts"])
async def test_a_prompt_does_not_change(tables: asyncpg.Connection, change: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await tables.execute(change)
    assert refused.value.constraint_name == "prompts_are_immutable"


async def test_the_built_in_wording_is_version_1_of_feed_post(tables: asyncpg.Connection) -> None:
    template = await tables.fetchval("SELECT template FROM prompts WHERE (prompt_name, version) = ('feed-post', 1)")
    filled = template.replace("{language}", "Korean (ko)").replace("{max_hashtags}", "5")
    assert filled == PromptTemplate(language="ko", max_hashtags=5).static_texts[0]
