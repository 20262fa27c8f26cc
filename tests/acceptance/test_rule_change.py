"""Posts that a rule refused become posts when the rule is taken back, and nothing is paid for again."""

from collections.abc import Mapping

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.consumer_process import running_consumer, start_command
from tests.support.kafka_records import encoded, overlay_event, send
from tests.support.ledger_rows import count_feeds, count_requests, query
from tests.support.topics import Topics
from tests.support.waiting import eventually

REFUSED, GOOD = 100, 300
BANNED = "푸른달"
FAST = {"MAX_IN_FLIGHT": "20", "RETRY_BASE_S": "0.1"}


async def test_a_hundred_failed_requests_are_retried_from_the_command_line_and_stored_without_a_call(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:0.05")
    refused = [overlay_event(store_information=f"{BANNED} 상점 · 서울 성동구 연무장길 12") for _ in range(REFUSED)]
    # among others that are accepted: what is refused of all alike would pause, and fail none
    mixed = [event for one in refused for event in (one, *(overlay_event() for _ in range(GOOD // REFUSED)))]
    await send(stack.kafka_bootstrap_servers, topics.incoming, list(map(encoded, mixed)))
    url = feed_env["DATABASE_URL"]

    async def all_ended() -> bool:
        return await count_requests(url, "failed") == REFUSED and await count_requests(url, "done") == GOOD

    async with running_consumer({**feed_env, **FAST, "BANNED_WORDS": BANNED}) as consumer:
        await eventually(all_ended, 100)
        assert await consumer.stop() == 0
    reasons = await query(url, "SELECT DISTINCT last_error_reason FROM feed_requests WHERE state = 'failed'")
    assert [row["last_error_reason"] for row in reasons] == ["llm_output_invalid"]
    paid = (await llm.ledger_summary()).total_calls

    command = await start_command("requests", "retry", "--reason", "llm_output_invalid", "--yes", env=feed_env)
    assert await command.exit_code() == 0, command.lines

    async def all_stored() -> bool:
        return await count_feeds(url) == REFUSED + GOOD

    async with running_consumer({**feed_env, **FAST}) as consumer:
        await eventually(all_stored, 60)
        assert await consumer.stop() == 0
    assert (await llm.ledger_summary()).total_calls == paid
