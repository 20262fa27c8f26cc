"""Real buckets: what the client sees of them before and when they run dry."""

import openai
import pytest
from openai import AsyncOpenAI

from devstack.simulated_llm.control import SimulatedLlmControl
from tests.contract.simulated_llm.calls import MESSAGES, MODEL, ask, ask_raw


async def test_headers_count_down_with_every_call(client: AsyncOpenAI, simulated_llm: SimulatedLlmControl) -> None:
    await simulated_llm.set_limits(requests_per_minute=3, tokens_per_minute=100_000)
    answers = [(await ask_raw(client)).headers for _ in range(3)]
    assert [headers["x-ratelimit-limit-requests"] for headers in answers] == ["3"] * 3
    assert [headers["x-ratelimit-remaining-requests"] for headers in answers] == ["2", "1", "0"]
    assert int(answers[-1]["x-ratelimit-remaining-tokens"]) < 100_000
    assert answers[-1]["x-ratelimit-reset-requests"].startswith(("59", "1m0s"))


async def test_the_call_above_the_request_limit_is_429_with_the_time_to_wait(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_limits(requests_per_minute=2)
    for _ in range(2):
        await ask(client)
    with pytest.raises(openai.RateLimitError) as refusal:
        await ask(client)
    assert (refusal.value.type, refusal.value.code) == ("requests", "rate_limit_exceeded")
    headers = refusal.value.response.headers
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert 25_000 < int(headers["retry-after-ms"]) <= 30_000
    assert 25 < int(headers["retry-after"]) <= 30
    summary = await simulated_llm.ledger_summary()
    assert (summary.billed_calls, summary.by_status, summary.by_fault) == (2, {"200": 2, "429": 1}, {})


async def test_the_answers_limit_counts_against_the_tokens(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_limits(tokens_per_minute=1000)
    await client.chat.completions.create(model=MODEL, messages=MESSAGES, max_completion_tokens=900)
    with pytest.raises(openai.RateLimitError) as refusal:
        await client.chat.completions.create(model=MODEL, messages=MESSAGES, max_completion_tokens=900)
    assert refusal.value.type == "tokens"
    assert "tokens per min (TPM): Limit 1000" in refusal.value.message


async def test_new_limits_start_with_full_buckets(client: AsyncOpenAI, simulated_llm: SimulatedLlmControl) -> None:
    await simulated_llm.set_limits(requests_per_minute=1)
    await ask(client)
    await simulated_llm.set_limits(requests_per_minute=1)
    await ask(client)
