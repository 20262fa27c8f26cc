"""The database under test: empty at first, then as the seed's phase 1 left it or at the newest revision."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from repository import migrations

SEED_TABLES = (Path(__file__).parents[2] / "fixtures" / "seed_tables.sql").read_text(encoding="utf-8")

UPSTREAM_TABLES = """
    CREATE TABLE jobs (job_id UUID PRIMARY KEY, store TEXT NOT NULL);
    CREATE TABLE overlay_layouts (overlay_id UUID PRIMARY KEY, layout JSONB NOT NULL);
"""

# What the extension uuid-ossp gives, which a server need not have.
UUID_OSSP_STAND_IN = """
    CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
"""


@pytest.fixture
def phase_1_tables() -> str:
    """The SQL of the seed's tables as written, with what they need around them."""
    return UUID_OSSP_STAND_IN + UPSTREAM_TABLES + SEED_TABLES


@pytest.fixture
async def connection(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A session in the database under test, whatever is in it."""
    session = await asyncpg.connect(empty_database_url)
    yield session
    await session.close()


@pytest.fixture
async def phase_1_database(empty_database_url: str, connection: asyncpg.Connection, phase_1_tables: str) -> str:
    """The URL of the database, with the seed's tables as written."""
    await connection.execute(phase_1_tables)
    return empty_database_url


@pytest.fixture
async def migrated_database(empty_database_url: str) -> str:
    """The URL of the database, at the newest revision."""
    await migrations.upgrade(empty_database_url)
    return empty_database_url
