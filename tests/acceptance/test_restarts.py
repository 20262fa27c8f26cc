"""A process ends while it is busy, in order or not, and the next one finishes the work."""

import signal
from collections.abc import Mapping

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.consumer_process import running_consumer
from tests.support.kafka_records import encoded, overlay_event, read_all, send
from tests.support.ledger_rows import count_feeds, count_requests, query
from tests.support.topics import Topics
from tests.support.waiting import eventually

EVENTS = 2_000
IN_FLIGHT = 60


async def test_a_consumer_stopped_while_busy_leaves_nothing_half_done_and_the_next_one_finishes(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    database_url = feed_env["DATABASE_URL"]
    await llm.set_latency("constant:0.4")
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(EVENTS)])

    async def busy() -> bool:
        return await count_feeds(database_url) >= 200

    async with running_consumer(feed_env) as first:
        await eventually(busy, 40)
        assert await first.stop() == 0
    stored = await count_feeds(database_url)
    assert 200 <= stored < EVENTS
    assert await count_requests(database_url, "claimed") == 0
    assert await count_requests(database_url, "done") == stored
    assert (await llm.ledger_summary()).billed_calls == stored

    await llm.set_latency("constant:0.02")

    async def all_stored() -> bool:
        return await count_feeds(database_url) == EVENTS

    async with running_consumer(feed_env) as second:
        await eventually(all_stored, 60)
        assert await second.stop() == 0
    assert (await llm.ledger_summary()).billed_calls == EVENTS
    created = [record.key for record in await read_all(stack.kafka_bootstrap_servers, topics.created)]
    assert len(created) == len(set(created)) == EVENTS
    assert await query(database_url, "SELECT 1 FROM outbox_events") == []


async def test_the_partitions_of_a_killed_process_are_read_on_at_once(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    """With all timeouts as in production, and a successor that comes at once: the worst case of the group protocol."""
    await llm.set_latency("constant:0.02")
    async with running_consumer(feed_env) as survivor, running_consumer(feed_env) as killed:

        def is_shared() -> bool:
            assigned = [consumer.events("partitions.assigned") for consumer in (survivor, killed)]
            return all(assigned) and all(len(some[-1]["partitions"]) == 2 for some in assigned)

        await eventually(is_shared, 10)
        killed.signal(signal.SIGKILL)
        async with running_consumer(feed_env):
            await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(40)])

            async def all_done() -> bool:
                return await count_requests(feed_env["DATABASE_URL"], "done") == 40

            await eventually(all_done, 15)


async def test_a_consumer_that_is_killed_is_taken_over_when_its_leases_end(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    settings = {**feed_env, "LEASE_S": "2", "MAX_IN_FLIGHT": f"{IN_FLIGHT}"}
    await llm.set_latency("constant:5")
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(IN_FLIGHT)])

    async def all_called() -> bool:
        return (await llm.ledger_summary()).in_flight_calls == IN_FLIGHT

    async with running_consumer(settings) as first:
        await eventually(all_called, 30)
        first.signal(signal.SIGKILL)
        assert await first.exit_code() == -signal.SIGKILL
    await llm.set_latency("constant:0.02")

    async def all_stored() -> bool:
        return await count_requests(feed_env["DATABASE_URL"], "done") == IN_FLIGHT

    async with running_consumer(settings):
        await eventually(all_stored, 40)
    assert await count_feeds(feed_env["DATABASE_URL"]) == IN_FLIGHT
    calls = (await llm.ledger()).calls
    assert len(calls) <= 2 * IN_FLIGHT
    # the provider and we can tell the calls apart
    assert len({call.request_id for call in calls}) == len(calls)
