"""The end of a process: what is in flight is finished, or at once another's."""

import signal
from collections.abc import Mapping

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.consumer_process import running_consumer
from tests.support.kafka_records import encoded, overlay_event, send
from tests.support.ledger_rows import count_feeds, query
from tests.support.topics import Topics
from tests.support.waiting import eventually


async def in_flight(llm: SimulatedLlmControl) -> int:
    return (await llm.ledger_summary()).in_flight_calls


async def test_calls_that_outlast_the_grace_period_are_taken_over_at_once(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:30")
    settings = {**feed_env, "SHUTDOWN_GRACE_S": "0.2", "LEASE_S": "600"}
    async with running_consumer(settings) as first:
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(8)])

        async def all_called() -> bool:
            return await in_flight(llm) == 8

        await eventually(all_called, 30)
        assert await first.stop() == 0
        assert await query(feed_env["DATABASE_URL"], "SELECT owner FROM intake_members") == []
        assert await query(feed_env["DATABASE_URL"], "SELECT DISTINCT owner FROM partition_leases") == [{"owner": None}]
        states = await query(feed_env["DATABASE_URL"], "SELECT DISTINCT state FROM feed_requests")
        assert states == [{"state": "waiting"}]
    await llm.set_latency("constant:0.02")
    async with running_consumer(settings) as second:

        async def all_stored() -> bool:
            return await count_feeds(feed_env["DATABASE_URL"]) == 8

        # far sooner than any lease ends
        await eventually(all_stored, 30)
        assert await second.stop() == 0


async def test_a_second_signal_ends_at_once(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:60")
    async with running_consumer({**feed_env, "SHUTDOWN_GRACE_S": "600"}) as consumer:
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event())])

        async def called() -> bool:
            return await in_flight(llm) == 1

        await eventually(called, 30)
        consumer.signal(signal.SIGTERM)
        await eventually(lambda: consumer.events("consumer.stopping"), 10)
        consumer.signal(signal.SIGTERM)
        assert await consumer.exit_code() == 130
