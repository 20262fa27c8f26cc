"""One database a test, with an experiment in it."""

from collections.abc import AsyncIterator

import pytest

from repository.pool import Pool, open_pool


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to the test's own database."""
    pool = await open_pool(database_url, size=2, application_name="tests")
    yield pool
    await pool.close()
