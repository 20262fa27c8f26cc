"""An outage of the provider costs nothing but its time: no attempts, no dead letters, no call beyond the probes."""

from collections.abc import Mapping

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.consumer_process import running_consumer
from tests.support.kafka_records import encoded, overlay_event, read_all, send
from tests.support.ledger_rows import count_feeds, query
from tests.support.topics import Topics
from tests.support.waiting import eventually

EVENTS = 1_000
IN_FLIGHT = 100
FAST = {
    "PROBE_S": "0.2",
    "RETRY_BASE_S": "0.1",
    "MAX_IN_FLIGHT": f"{IN_FLIGHT}",
    "MAX_ATTEMPTS": "3",
    "FAIR_SHARES": "false",
}


async def test_a_refused_account_uses_up_no_attempt_and_all_is_written_when_it_is_put_right(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    database_url = feed_env["DATABASE_URL"]
    await llm.set_latency("constant:0.02")
    await llm.set_faults({"kind": "unauthorized"})
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(EVENTS)])
    async with running_consumer({**feed_env, **FAST}) as consumer:

        async def probed_again() -> bool:
            return (await llm.ledger_summary()).by_fault.get("unauthorized", 0) > IN_FLIGHT + 2

        await eventually(probed_again, 30)
        assert await consumer.ready_status() == 503
        assert len(consumer.events("breaker.opened")) == 1
        assert await query(database_url, "SELECT 1 FROM feed_requests WHERE attempts > 0") == []
        # the rest stays in Kafka: what is taken in beyond the slots is for the probes
        assert len(await query(database_url, "SELECT 1 FROM feed_requests")) < 2 * IN_FLIGHT

        await llm.set_faults()

        async def all_written() -> bool:
            return await count_feeds(database_url) == EVENTS

        await eventually(all_written, 60)
        assert await consumer.ready_status() == 200
        assert await consumer.stop() == 0
    assert await read_all(stack.kafka_bootstrap_servers, topics.dead_letter) == []
    assert await query(database_url, "SELECT 1 FROM feed_requests WHERE attempts > 0 OR state <> 'done'") == []
    assert (await llm.ledger_summary()).billed_calls == EVENTS


async def test_while_most_calls_fail_attempts_are_not_counted(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:0.02")
    await llm.set_faults({"kind": "server_error_500"})
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(100)])
    async with running_consumer({**feed_env, **FAST, "MAX_IN_FLIGHT": "20"}) as consumer:
        await eventually(lambda: consumer.events("breaker.opened"), 30)

        async def probed_again() -> bool:
            return (await llm.ledger_summary()).by_fault.get("server_error_500", 0) > 20 + 4

        await eventually(probed_again, 30)
        await llm.set_faults()

        async def all_written() -> bool:
            return await count_feeds(feed_env["DATABASE_URL"]) == 100

        await eventually(all_written, 60)
        assert await consumer.stop() == 0
    assert await read_all(stack.kafka_bootstrap_servers, topics.failed) == []
