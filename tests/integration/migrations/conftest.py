"""Databases of their own for each test: empty, at the newest revision, and as the seed's phase 1 left it."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from repository import migrations

FIXTURES = Path(__file__).parents[2] / "fixtures"
SEED_TABLES = (FIXTURES / "seed_tables.sql").read_text(encoding="utf-8")

UPSTREAM_TABLES = """
    CREATE TABLE jobs (job_id UUID PRIMARY KEY, store TEXT NOT NULL);
    CREATE TABLE overlay_layouts (overlay_id UUID PRIMARY KEY, layout JSONB NOT NULL);
"""

# What the extension uuid-ossp gives, which a server need not have.
UUID_OSSP_STAND_IN = """
    CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
"""


MakeDatabase = Callable[[], Awaitable[str]]


@pytest.fixture
async def make_database() -> AsyncIterator[MakeDatabase]:
    """Create databases that go away with the test; each call gives the URL of an empty one."""
    server_url = os.environ["DATABASE_URL"]
    admin = await asyncpg.connect(server_url)
    names: list[str] = []

    async def make() -> str:
        names.append(f"migrations_{uuid4().hex}")
        await admin.execute(f"CREATE DATABASE {names[-1]}")
        return urlsplit(server_url)._replace(path=names[-1]).geturl()

    yield make
    for name in names:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def empty_database(make_database: MakeDatabase) -> str:
    return await make_database()


@pytest.fixture
async def new_database(make_database: MakeDatabase) -> str:
    """Give a second empty database."""
    return await make_database()


@pytest.fixture
def phase_1_tables() -> str:
    """Give the SQL of the seed's tables as written, with what they need around them."""
    return UUID_OSSP_STAND_IN + UPSTREAM_TABLES + SEED_TABLES


@pytest.fixture
async def phase_1_database(empty_database: str, phase_1_tables: str) -> str:
    session = await asyncpg.connect(empty_database)
    await session.execute(phase_1_tables)
    await session.close()
    return empty_database


@pytest.fixture
async def migrated_database(empty_database: str) -> str:
    await migrations.upgrade(empty_database)
    return empty_database


@pytest.fixture
async def connection(empty_database: str) -> AsyncIterator[asyncpg.Connection]:
    """A session in the test's database, whichever of the three it is."""
    session = await asyncpg.connect(empty_database)
    yield session
    await session.close()
