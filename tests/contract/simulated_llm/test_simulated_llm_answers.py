"""What a healthy simulated LLM answers to the openai client."""

import asyncio
import json
import time

import httpx2
import openai
import pytest
from openai import AsyncOpenAI

from devstack.simulated_llm.account import SimulationSettings
from devstack.simulated_llm.control import SimulatedLlmControl
from devstack.simulated_llm.known_models import ModelList
from devstack.simulated_llm.server import SimulatedLlmServer
from tests.contract.simulated_llm.calls import MESSAGES, MODEL, ask, ask_raw, open_client, request_id

LONG_STATIC_PART = "인스타그램 글을 한국어로 씁니다. " * 200


async def test_the_content_is_a_korean_post_in_the_form_asked_for(client: AsyncOpenAI) -> None:
    completion = await ask(client)
    post = json.loads(completion.choices[0].message.content or "")
    assert post.keys() == {"instagram_ad_copy", "hashtags"}
    assert "Ocean Blue Shirt" in post["instagram_ad_copy"]
    assert "오션앤코 성수점" in post["instagram_ad_copy"]
    assert 3 <= len(post["hashtags"].split(" #")) <= 5


async def test_a_completion_has_every_field_of_openais(client: AsyncOpenAI) -> None:
    raw = json.loads((await ask_raw(client)).content)
    assert raw.keys() == {"id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint"}
    assert raw["id"].startswith("chatcmpl-")
    assert raw["object"] == "chat.completion"
    assert raw["model"] == "gpt-4o-mini-2024-07-18"
    assert abs(raw["created"] - time.time()) < 60
    (choice,) = raw["choices"]
    assert choice.keys() == {"index", "message", "logprobs", "finish_reason"}
    assert choice["message"].keys() == {"role", "content", "refusal", "annotations"}


async def test_usage_follows_the_lengths_of_the_texts(client: AsyncOpenAI) -> None:
    short = await ask(client)
    longer = await client.chat.completions.create(
        model=MODEL, messages=[*MESSAGES, {"role": "user", "content": "더 길게. " * 100}]
    )
    assert short.usage
    assert longer.usage
    assert longer.usage.prompt_tokens > short.usage.prompt_tokens + 200
    assert short.usage.total_tokens == short.usage.prompt_tokens + short.usage.completion_tokens
    assert short.usage.completion_tokens_details
    assert short.usage.completion_tokens_details.reasoning_tokens == 0


async def test_the_second_call_with_a_long_static_part_reads_it_from_the_cache(client: AsyncOpenAI) -> None:
    cached = []
    for product in ("하나", "둘"):
        completion = await client.chat.completions.create(
            model="gpt-6-luna",
            messages=[{"role": "system", "content": LONG_STATIC_PART}, {"role": "user", "content": product}],
        )
        assert completion.usage
        assert completion.usage.prompt_tokens_details
        cached.append(completion.usage.prompt_tokens_details.cached_tokens or 0)
    assert cached[0] == 0
    assert cached[1] >= 1024


async def test_the_same_request_gets_the_same_answer_and_another_seed_another(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    first, again = await ask(client), await ask(client)
    assert first.choices == again.choices
    assert first.id != again.id
    answers = set()
    for seed in range(5):
        await simulated_llm.set_seed(seed)
        answers.add((await ask(client)).choices[0].message.content)
    assert len(answers) > 1


async def test_a_small_token_limit_cuts_the_content_off(client: AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(model=MODEL, messages=MESSAGES, max_completion_tokens=20)
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage
    assert completion.usage.completion_tokens == 20


async def test_every_answer_carries_the_providers_headers(client: AsyncOpenAI) -> None:
    headers = (await ask_raw(client)).headers
    assert headers["x-request-id"].startswith("req_")
    assert int(headers["openai-processing-ms"]) >= 0
    for unit in ("requests", "tokens"):
        for figure in ("limit", "remaining", "reset"):
            assert headers[f"x-ratelimit-{figure}-{unit}"]


async def test_the_latency_set_is_the_time_a_call_takes(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_latency("constant:0.3")
    started_s = time.monotonic()
    response = await ask_raw(client)
    assert 0.3 <= time.monotonic() - started_s < 2
    assert int(response.headers["openai-processing-ms"]) >= 300


async def test_many_calls_are_thought_about_at_once(client: AsyncOpenAI, simulated_llm: SimulatedLlmControl) -> None:
    await simulated_llm.set_latency("constant:0.5")
    started_s = time.monotonic()
    await asyncio.gather(*(ask(client) for _ in range(50)))
    assert time.monotonic() - started_s < 10
    assert (await simulated_llm.ledger_summary()).max_in_flight_calls > 10


async def test_models_are_listed_and_found_by_either_name(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["gpt-4o-mini", "gpt-6-luna", "claude-haiku-5-5"]
    assert (await client.models.retrieve("gpt-4o-mini")).object == "model"
    assert (await client.models.retrieve("gpt-4o-mini-2024-07-18")).id == "gpt-4o-mini-2024-07-18"


async def test_the_models_are_a_setting() -> None:
    async with (
        SimulatedLlmServer(SimulationSettings(models=ModelList(["my-model"]))) as server,
        open_client(server.base_url) as client,
    ):
        assert (await ask(client, model="my-model")).model == "my-model"
        with pytest.raises(openai.NotFoundError):
            await ask(client)


async def test_an_unknown_model_is_404_in_openais_words(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as chat:
        await ask(client, model="gpt-9")
    with pytest.raises(openai.NotFoundError) as model:
        await client.models.retrieve("gpt-9")
    assert chat.value.code == model.value.code == "model_not_found"
    assert chat.value.body == {
        "message": "The model `gpt-9` does not exist or you do not have access to it.",
        "type": "invalid_request_error",
        "param": None,
        "code": "model_not_found",
    }


async def test_a_reasoning_model_refuses_a_temperature_as_openais_does(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        await client.chat.completions.create(model="gpt-6-luna", messages=MESSAGES, temperature=0.7)
    assert (refusal.value.param, refusal.value.code) == ("temperature", "unsupported_value")
    await client.chat.completions.create(
        model="gpt-6-luna", messages=MESSAGES, temperature=0.7, reasoning_effort="none"
    )


async def test_any_key_will_do_but_none_will_not(server: SimulatedLlmServer) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{server.base_url}/models")
        assert answer.status_code == 401
        assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
        answer = await http.get(f"{server.base_url}/models", headers={"Authorization": "Bearer anything"})
        assert answer.status_code == 200


async def test_a_pinned_key_is_the_only_one_accepted() -> None:
    async with SimulatedLlmServer(SimulationSettings(api_key="sk-right")) as server:
        async with open_client(server.base_url, api_key="sk-right") as client:
            await ask(client)
        async with open_client(server.base_url, api_key="sk-wrong") as client:
            with pytest.raises(openai.AuthenticationError) as refusal:
                await ask(client)
        assert refusal.value.code == "invalid_api_key"
        assert (await server.control().ledger_summary()).by_status == {"200": 1, "401": 1}


async def test_an_unknown_url_is_404_in_openais_shape(server: SimulatedLlmServer) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{server.base_url}/embeddings")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Invalid URL (GET /v1/embeddings)"


async def test_a_request_that_is_not_json_is_400_and_not_billed(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    with pytest.raises(openai.BadRequestError):
        await client.post("/chat/completions", cast_to=httpx2.Response, content=b"{", options={"headers": request_id()})
    summary = await simulated_llm.ledger_summary()
    assert (summary.billed_calls, summary.by_status) == (0, {"400": 1})
