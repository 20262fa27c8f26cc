"""What integration tests of the core share: one database a module, emptied after each test."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from consumer.kafka.clients import build_producer
from consumer.kafka.publisher import Publisher
from consumer.settings import KafkaSettings
from devstack.endpoints import Endpoints
from repository.llm_models import LlmModel, find_active
from repository.pool import Pool, connection, open_pool
from tests.support.databases import fresh_database

# Emptying takes a fiftieth of the time that another database takes.
EMPTY_TABLES = """
    DELETE FROM outbox_events;
    DELETE FROM budgets;
    DELETE FROM llm_calls;
    DELETE FROM feed_requests;
    DELETE FROM instagram_feeds;
    DELETE FROM jobs;
    DELETE FROM overlay_layouts;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_database_url(stack: Endpoints, migrated_template: str) -> AsyncIterator[str]:
    """The URL of the module's database, at the newest revision."""
    async with fresh_database(stack.database_url, template=migrated_template) as url:
        yield url


@pytest.fixture
async def pool(module_database_url: str) -> AsyncIterator[Pool]:
    """Connections to a database without requests, feeds and events."""
    pool = await open_pool(module_database_url, size=20, application_name="tests")
    yield pool
    await pool.execute(EMPTY_TABLES)
    await pool.close()


@pytest.fixture
async def model(pool: Pool) -> LlmModel:
    """The row of gpt-4o-mini."""
    async with connection(pool) as borrowed:
        return await find_active(borrowed, "gpt-4o-mini")


@pytest.fixture
async def publisher(stack: Endpoints) -> AsyncIterator[Publisher]:
    """The application's way to the broker."""
    settings = KafkaSettings(kafka_bootstrap_servers=stack.kafka_bootstrap_servers)
    publisher = Publisher(lambda: build_producer(settings))
    await publisher.start()
    yield publisher
    await publisher.stop()
