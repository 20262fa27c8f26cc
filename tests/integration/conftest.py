"""What integration tests of the core share: a pool on a database of the test's own."""

from collections.abc import AsyncIterator

import pytest

from repository.llm_models import LlmModel, find_active
from repository.pool import Pool, connection, open_pool


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to a migrated, empty database."""
    pool = await open_pool(database_url, size=20, application_name="tests")
    yield pool
    await pool.close()


@pytest.fixture
async def model(pool: Pool) -> LlmModel:
    """The row of gpt-4o-mini."""
    async with connection(pool) as borrowed:
        return await find_active(borrowed, "gpt-4o-mini")
