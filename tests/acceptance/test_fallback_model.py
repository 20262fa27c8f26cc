"""While the preferred model's account is refused, another provider's model writes; then the first one again."""

from collections.abc import Mapping
from decimal import Decimal

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.environment import new_account
from tests.support.kafka_records import read_all
from tests.support.ledger_rows import query
from tests.support.service import running_service
from tests.support.topics import Topics
from tests.support.waiting import eventually

ADD_CLAUDE = """
    INSERT INTO llm_models (provider, model_name, default_temperature, max_temperature, supports_json_schema,
        supports_store, default_max_tokens, prompt_token_cost_per_1m, completion_token_cost_per_1m)
    VALUES ('anthropic', 'claude-haiku-5-5', 1.3, 1.0, false, false, 700, 1, 5)
"""
WRITTEN_BY = """
    SELECT overlay_id::text, model_name, used_temperature, used_max_tokens, feed.prompt_tokens, feed.completion_tokens,
        feed.cost_usd, attempts
    FROM instagram_feeds AS feed JOIN llm_models USING (llm_model_id) JOIN feed_requests USING (overlay_id)
"""
OPENAI_KEY, ANTHROPIC_KEY = "sk-openai-not-to-be-printed", "sk-ant-not-to-be-printed"


async def test_a_fallback_writes_while_the_preferred_model_is_refused_and_no_longer(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    database_url, claude = feed_env["DATABASE_URL"], new_account(stack)
    await query(database_url, ADD_CLAUDE)
    await llm.set_faults({"kind": "unauthorized"})
    env = {
        **feed_env,
        "LLM_FALLBACK_MODEL": "anthropic/claude-haiku-5-5",
        "OPENAI_API_KEY": OPENAI_KEY,
        "ANTHROPIC_API_KEY": ANTHROPIC_KEY,
        "ANTHROPIC_BASE_URL": claude.base_url,
        "PROBE_S": "0.2",
    }
    async with running_service(env, stack, topics, llm) as service:
        early = {await service.send_event() for _ in range(20)}
        for overlay_id in early:
            await service.feed(overlay_id)
        assert await service.consumer.ready_status() == 200

        await llm.set_faults()

        async def used_again() -> bool:
            await service.feed(await service.send_event())  # only a call can find out that it is well
            return bool(service.consumer.events("breaker.closed"))

        await eventually(used_again, 30)
        late = await service.send_event()
        await service.feed(late)
        output = "".join(service.consumer.lines)

    rows = {row["overlay_id"]: row for row in await query(database_url, WRITTEN_BY)}
    for row in (rows[overlay_id] for overlay_id in early):
        tokens = row["prompt_tokens"] + 5 * row["completion_tokens"]
        assert (row["model_name"], row["attempts"]) == ("claude-haiku-5-5", 0)
        assert (row["used_temperature"], row["used_max_tokens"]) == (1.0, 700)
        assert row["cost_usd"] == Decimal(tokens) / 1_000_000
    assert rows[late]["model_name"] == "gpt-4o-mini"
    created = await read_all(stack.kafka_bootstrap_servers, topics.created)
    by_claude = {record.key.decode() for record in created if b'"claude-haiku-5-5"' in record.value}
    assert by_claude == {overlay_id for overlay_id, row in rows.items() if row["model_name"] == "claude-haiku-5-5"}
    assert await read_all(stack.kafka_bootstrap_servers, topics.dead_letter) == []
    assert [event["model"] for event in service.consumer.events("breaker.opened")] == ["openai/gpt-4o-mini@2024-07-18"]
    assert OPENAI_KEY not in output
    assert ANTHROPIC_KEY not in output
