"""One consumer process for all acceptance tests that need no settings of their own.

Such tests differ by their overlays. They run in the session's event loop, as the process does:
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

from collections.abc import AsyncIterator

import pytest_asyncio

from devstack.endpoints import Endpoints
from tests.acceptance.service import Service, running_service
from tests.databases import fresh_database
from tests.environment import feed_environment, new_world
from tests.topics import existing_topics, unique_topics

QUICK = {"RETRY_BASE_S": "0.1", "RETRY_MAX_S": "1", "LOG_LEVEL": "debug"}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(stack: Endpoints, migrated_template: str) -> AsyncIterator[Service]:
    """A consumer with a database, topics and an LLM world that these tests share."""
    topics, llm = unique_topics(), new_world(stack)
    await llm.set_latency("constant:0.02")
    async with (
        fresh_database(stack.database_url, template=migrated_template) as database_url,
        existing_topics(stack.kafka_bootstrap_servers, topics, partitions=4),
    ):
        env = feed_environment(stack, database_url, topics, llm) | QUICK
        async with running_service(env, stack, topics, llm) as service:
            yield service
