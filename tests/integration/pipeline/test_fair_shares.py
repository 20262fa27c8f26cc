"""Slots go by tenant while work waits: a tenant behind the flood of another, in the same partition, is reached."""

from collections.abc import AsyncIterator, Mapping
from uuid import UUID

import pytest

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from repository.operations.tenant_changes import TenantChanges, set_tenant
from repository.pool import Pool, connection, open_pool
from tests.support.application import Application, application
from tests.support.examples import new_request, source_record
from tests.support.kafka_records import encoded, overlay_event, send
from tests.support.ledger import claim, count
from tests.support.topics import Topics
from tests.support.waiting import eventually

pytestmark = pytest.mark.partitions(1)

FOUR = {"MAX_IN_FLIGHT": "4"}
"""Five slots: four calls, and one more waits for the end of one."""


@pytest.fixture
async def pool(feed_env: Mapping[str, str], llm: SimulatedLlmControl) -> AsyncIterator[Pool]:
    """Connections to the database of the test's application."""
    await llm.set_latency("constant:0.02")
    pool = await open_pool(feed_env["DATABASE_URL"], size=2, application_name="tests")
    yield pool
    await pool.close()


async def send_events(stack: Endpoints, topics: Topics, *tenant_ids: str) -> None:
    await send(
        stack.kafka_bootstrap_servers,
        topics.incoming,
        [encoded(overlay_event(tenant_id=tenant_id)) for tenant_id in tenant_ids],
    )


async def say_of(pool: Pool, tenant_id: str, changes: TenantChanges) -> None:
    async with connection(pool) as borrowed:
        await set_tenant(borrowed, tenant_id, changes)


async def until_read(consumer: Application, pool: Pool, events: int) -> None:
    """Take in until so many are in the ledger."""

    async def all_there() -> bool:
        await consumer.take_in()
        return await count(pool, "feed_requests") == events

    await eventually(all_there, 20)


async def sweep(consumer: Application) -> list[str]:
    """Sweep once; gives whose requests are held now, and lets them end."""
    await consumer.app.sweeper.run_once()
    held = [request.tenant_id for request in consumer.app.in_flight.held]
    await consumer.finish()
    return sorted(held)


async def test_a_tenant_behind_a_flood_in_its_partition_begins_with_the_next_free_slots(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    await send_events(stack, topics, *["flood"] * 20, "small", "small")
    async with application(feed_env, **FOUR) as consumer:
        await until_read(consumer, pool, 22)
        assert consumer.app.in_flight.held == []
        first = await sweep(consumer)
        assert first == ["flood"] * 3 + ["small"] * 2
        while await sweep(consumer):
            pass
    assert await count(pool, "instagram_feeds") == 22


async def test_what_waits_is_begun_in_the_order_in_which_it_was_sent(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    events = [overlay_event(tenant_id="one") for _ in range(12)]
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(event) for event in events])
    begun: list[UUID] = []
    async with application(feed_env, **FOUR) as consumer:
        await until_read(consumer, pool, 12)
        while await consumer.app.sweeper.run_once():
            begun += [request.overlay_id for request in consumer.app.in_flight.held]
            await consumer.finish()
    assert [str(overlay_id) for overlay_id in begun] == [event["overlay_id"] for event in events]


async def test_while_nobody_waits_events_begin_at_once_and_none_is_entered_to_wait(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:30")
    await send_events(stack, topics, "a", "b", "c")
    async with application(feed_env, **FOUR) as consumer:
        await until_read(consumer, pool, 3)
        assert {request.fencing_token for request in consumer.app.in_flight.held} == {1}
        assert len(consumer.app.in_flight.held) == 3


async def test_no_more_is_read_ahead_than_the_setting_says(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:30")
    await send_events(stack, topics, *["flood"] * 40)
    async with application(feed_env, READ_AHEAD="10", **FOUR) as consumer:
        await until_read(consumer, pool, 15)
        await consumer.app.sweeper.run_once()
        for _ in range(5):
            await consumer.take_in()
        waiting = await pool.fetchval("SELECT count(*) FROM feed_requests WHERE state = 'waiting'")
        assert len(consumer.app.in_flight.held) == 5
        assert waiting == 10


async def test_a_tenant_has_no_more_calls_in_flight_than_its_limit_and_is_in_nobodys_way(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool, llm: SimulatedLlmControl
) -> None:
    await say_of(pool, "limited", {"max_in_flight": 2})
    await send_events(stack, topics, *["limited"] * 5, "other")
    async with application(feed_env, **FOUR) as consumer:
        await until_read(consumer, pool, 6)
        first = await sweep(consumer)
        assert first == ["limited", "limited", "other"]
        assert await sweep(consumer) == ["limited", "limited"]
        await llm.set_latency("constant:30")
        await consumer.app.sweeper.run_once()
        await send_events(stack, topics, "limited", "limited", "other")
        await until_read(consumer, pool, 9)
        assert sorted(request.tenant_id for request in consumer.app.in_flight.held) == ["limited", "limited", "other"]


async def test_what_waits_is_taken_by_another_process_at_once(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    """Nobody holds a lease of it: the process that read it may have been killed."""
    await send_events(stack, topics, *["flood"] * 8)
    async with application(feed_env, **FOUR) as reader:
        await until_read(reader, pool, 8)
    async with application(feed_env, **FOUR) as other:
        assert await other.app.sweeper.run_once() == 5
        await other.finish()
        assert await other.app.sweeper.run_once() == 3
        await other.finish()
    rows = await pool.fetch("SELECT DISTINCT state, takeovers, llm_calls, unrecorded_call FROM feed_requests")
    assert [tuple(row) for row in rows] == [("done", 0, 1, False)]


async def test_a_failed_overlay_sent_again_with_other_content_waits_like_all(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    event = overlay_event(tenant_id="small")
    known = new_request(UUID(str(event["overlay_id"])), source=source_record(encoded(event)))
    await claim(pool, [known])
    await pool.execute("UPDATE feed_requests SET state = 'failed', available_at = NULL")
    await send_events(stack, topics, *["flood"] * 8)
    corrected = {**event, "product_description": "another"}
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(corrected)])
    async with application(feed_env, **FOUR) as consumer:

        async def waits() -> bool:
            await consumer.take_in()
            return bool(await pool.fetchval("SELECT count(*) FROM feed_requests WHERE state = 'waiting'") == 9)

        await eventually(waits, 20)
        assert "small" in await sweep(consumer)
