"""One database a module with posts of many tenants, models and days; the tests only read it."""

from collections.abc import AsyncIterator
from datetime import datetime

import asyncpg
import pytest
import pytest_asyncio

from bench.report_data import fill
from devstack.endpoints import Endpoints
from repository.pool import Connection, connection, open_pool
from tests.support.databases import fresh_database

FEEDS = 6_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled_database_url(stack: Endpoints, migrated_template: str) -> AsyncIterator[str]:
    """The URL of the database."""
    async with fresh_database(stack.database_url, template=migrated_template) as url:
        session = await asyncpg.connect(url)
        await fill(session, FEEDS)
        await session.close()
        yield url


@pytest.fixture
async def database(filled_database_url: str) -> AsyncIterator[Connection]:
    """A session in one transaction, in which now() stands still, taken back in the end.

    Its days begin where those of the reports do; the seed's queries depend on that.
    """
    pool = await open_pool(filled_database_url, size=1, application_name="tests")
    async with connection(pool) as borrowed:
        transaction = borrowed.transaction()
        await transaction.start()
        await borrowed.execute("SET LOCAL TimeZone = 'UTC'")
        yield borrowed
        await transaction.rollback()
    await pool.close()


@pytest.fixture
async def now(database: Connection) -> datetime:
    """The instant at which the session's transaction began."""
    moment: datetime = await database.fetchval("SELECT now()")
    return moment
