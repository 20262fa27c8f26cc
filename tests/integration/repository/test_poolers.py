"""Behind a pooler in transaction mode everything works, found by itself or by the setting."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from repository import migrations
from repository.connecting import is_pooled
from repository.errors import StoreError, WrongDatabaseUrl
from repository.pool import Pool, connection, open_pool, transaction
from repository.requests import claim_new
from tests.support.examples import new_request
from tests.support.transaction_pooler import PGBOUNCER, pgbouncer, transaction_pooler

REAL = pytest.param("pgbouncer", marks=pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed"))
CLAIMS = 60


@pytest.fixture(params=["own", REAL])
async def pooled_url(request: pytest.FixtureRequest, empty_database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database, through a pooler."""
    pooler = pgbouncer(empty_database_url, tmp_path) if request.param == "pgbouncer" else None
    async with pooler or transaction_pooler(empty_database_url) as url:
        yield url


async def claim_often(*pools: Pool) -> int:
    """Claim with connections of all pools at once; gives how many requests are new."""

    async def claim(pool: Pool) -> int:
        async with connection(pool) as borrowed:
            return len(await claim_new(borrowed, [new_request()], owner="process-1", lease_s=60))

    return sum(await asyncio.gather(*(claim(pool) for pool in pools for _ in range(CLAIMS))))


async def test_two_processes_claim_through_one_pooler(pooled_url: str) -> None:
    await migrations.upgrade(pooled_url)
    pools = [await open_pool(pooled_url, size=5, application_name="tests") for _ in range(2)]
    assert await claim_often(*pools) == 2 * CLAIMS
    for pool in pools:
        pool.terminate()


@pytest.mark.parametrize("is_pooled", [False, True])
async def test_who_is_lost_or_frozen_within_a_transaction_soon_holds_nothing(
    pooled_url: str, empty_database_url: str, *, is_pooled: bool
) -> None:
    await migrations.upgrade(empty_database_url)
    frozen = await open_pool(pooled_url if is_pooled else empty_database_url, size=1, application_name="tests")
    other = await open_pool(empty_database_url, size=1, application_name="tests")
    began_s = time.monotonic()

    async def freeze_within() -> None:
        async with connection(frozen) as held, transaction(held, longest_idle_s=0.5):
            await held.execute("LOCK TABLE jobs")
            async with connection(other) as borrowed:
                await borrowed.execute("SELECT FROM jobs")
            await held.execute("SELECT 1")

    with pytest.raises(StoreError):
        await freeze_within()
    assert time.monotonic() - began_s < 5
    frozen.terminate()
    other.terminate()


async def test_kept_statements_are_what_a_pooler_breaks(pooled_url: str) -> None:
    await migrations.upgrade(pooled_url)
    pools = [await open_pool(pooled_url, size=5, application_name="tests", pooler="none") for _ in range(2)]
    with pytest.raises(StoreError, match="prepared statement"):
        await claim_often(*pools)
    for pool in pools:
        pool.terminate()


async def test_migrations_start_at_once_and_go_up_and_down(pooled_url: str) -> None:
    applied = await asyncio.gather(*(migrations.upgrade(pooled_url) for _ in range(3)))
    assert sorted(map(bool, applied)) == [False, False, True]
    taken_back = await migrations.downgrade(pooled_url, "base")
    assert await migrations.upgrade(pooled_url) == taken_back[::-1]


async def test_a_pooler_is_found_and_a_server_is_not_taken_for_one(pooled_url: str, empty_database_url: str) -> None:
    for url, expected in ((pooled_url, True), (empty_database_url, False)):
        pool = await open_pool(url, size=1, application_name="tests")
        async with connection(pool) as borrowed:
            assert await is_pooled(borrowed) is expected
        pool.terminate()


async def test_a_setting_that_a_pooler_does_not_pass_on_is_named(pooled_url: str) -> None:
    with pytest.raises(WrongDatabaseUrl, match="has the parameter search_path, which the server refuses"):
        await open_pool(f"{pooled_url}?search_path=feeds", size=1, application_name="tests")


async def test_nothing_of_a_client_is_left_in_a_session_of_the_server(pooled_url: str) -> None:
    await migrations.upgrade(pooled_url)
    pool = await open_pool(pooled_url, size=5, application_name="tests")
    await claim_often(pool)
    pool.terminate()
    client = await asyncpg.connect(pooled_url, statement_cache_size=0)
    kept = [await client.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") for _ in range(8)]
    await client.close()
    assert kept == [0] * 8
