"""A consumer behind a pooler in transaction mode stores and announces each post once, and complains of nothing."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.kafka_records import encoded, overlay_event, read_all
from tests.support.ledger_rows import count_feeds
from tests.support.service import running_service
from tests.support.topics import Topics
from tests.support.transaction_pooler import PGBOUNCER, pgbouncer, transaction_pooler
from tests.support.waiting import eventually

REAL = pytest.param("pgbouncer", marks=pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed"))
EVENTS = 100


@pytest.fixture(params=["own", REAL])
async def pooled_env(
    request: pytest.FixtureRequest, feed_env: Mapping[str, str], tmp_path: Path
) -> AsyncIterator[dict[str, str]]:
    """The environment with a pooler before the database."""
    url = feed_env["DATABASE_URL"]
    async with pgbouncer(url, tmp_path) if request.param == "pgbouncer" else transaction_pooler(url) as pooled:
        yield {**feed_env, "DATABASE_URL": pooled}


async def test_events_become_posts_through_a_pooler(
    pooled_env: Mapping[str, str],
    feed_env: Mapping[str, str],
    stack: Endpoints,
    topics: Topics,
    llm: SimulatedLlmControl,
) -> None:
    async with running_service(pooled_env, stack, topics, llm) as service:
        await service.send(*(encoded(overlay_event()) for _ in range(EVENTS)))

        async def all_stored() -> bool:
            return await count_feeds(feed_env["DATABASE_URL"]) == EVENTS

        async def all_announced() -> bool:
            return len(await read_all(stack.kafka_bootstrap_servers, topics.created)) == EVENTS

        await eventually(all_stored, 60)
        await eventually(all_announced, 60)
        assert len((await llm.ledger()).calls) == EVENTS
        assert [line for line in service.consumer.log if line["level"] == "error"] == []
