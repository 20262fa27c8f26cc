"""One guarded broker for all tests of connections to Kafka."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bench.topics import existing_topics
from devstack.endpoints import Endpoints
from tests.support.environment import feed_environment, new_account
from tests.support.guarded_broker import GuardedBroker, guarded_broker
from tests.support.kafka_connections import SASL, environment
from tests.support.topics import Topics, unique_topics


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GuardedBroker]:
    async with guarded_broker(tmp_path_factory.mktemp("guarded")) as running:
        yield running


@pytest.fixture
async def guarded_topics(broker: GuardedBroker) -> AsyncIterator[Topics]:
    names = unique_topics()
    async with existing_topics(broker.address("PLAINTEXT"), names, partitions=1):
        yield names


@pytest.fixture
def guarded_env(stack: Endpoints, database_url: str, guarded_topics: Topics, broker: GuardedBroker) -> dict[str, str]:
    """The whole environment of a consumer that logs in at the guarded broker, by a user without any rights."""
    env = feed_environment(stack, database_url, guarded_topics, new_account(stack))
    return env | environment(broker, "SASL", SASL)
