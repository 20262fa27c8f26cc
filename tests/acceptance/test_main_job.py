"""Bytes in, row and event out: the main job on real Kafka and Postgres, the consumer as a process."""

from collections.abc import Mapping

import asyncpg

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.consumer_process import running_consumer
from tests.kafka_records import encoded, overlay_event, read_json, send
from tests.topics import Topics
from tests.waiting import eventually


async def count_feeds(database_url: str) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM instagram_feeds"))
    finally:
        await connection.close()


async def test_events_become_stored_posts_and_created_events(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    events = [overlay_event() for _ in range(10)]
    async with running_consumer(feed_env) as consumer:
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(event) for event in events])

        async def all_created() -> bool:
            return len(await read_json(stack.kafka_bootstrap_servers, topics.created)) == len(events)

        await eventually(all_created, 30)
        assert await consumer.stop() == 0
    assert await count_feeds(feed_env["DATABASE_URL"]) == len(events)
    assert (await llm.ledger_summary()).billed_calls == len(events)
