"""What the writer sends, as a server sees it."""

import json
from typing import Any

import pytest
from aiohttp import web

from consumer.llm.endpoints import Endpoint
from consumer.llm.writer import Writer, open_client
from devstack.simulated_llm.server import SimulatedLlmServer
from schemas.post import INSTAGRAM_POST_JSON_SCHEMA
from tests.support.answering_server import Asked, answering
from tests.support.examples import llm_model
from tests.support.writers import API_KEY, CALL_ID, MESSAGES, open_writer, write


async def completion_answer(_: web.BaseRequest) -> web.StreamResponse:
    return web.json_response({"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}], "usage": {}})


async def asked_with(model: dict[str, object] | None = None, **options: Any) -> Asked:  # noqa: ANN401
    """The one request that a write makes."""
    async with (
        answering(completion_answer) as (base_url, asked),
        open_writer(base_url, model=model, **options) as writer,
    ):
        await write(writer)
    [only] = asked
    return only


async def test_a_call_says_who_asks_and_which_call_it_is() -> None:
    asked = await asked_with()
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {API_KEY}"
    assert asked.headers["x-client-request-id"] == f"{CALL_ID.overlay_id}/1/3"
    assert asked.headers["content-type"] == "application/json"


async def test_the_query_of_the_base_url_goes_with_every_call() -> None:
    async with answering(completion_answer) as (base_url, asked):
        endpoint = Endpoint("openai", base_url, API_KEY, query={"api-version": "preview"})
        async with open_client(endpoint, timeout_s=10, max_connections=1) as client:
            writer = Writer(client, llm_model(), response_format=INSTAGRAM_POST_JSON_SCHEMA, timeout_s=10)
            await write(writer)
            await write(writer)
    assert [(one.path, one.query) for one in asked] == [("/v1/chat/completions", "api-version=preview")] * 2


async def test_a_call_asks_for_a_post_in_strict_json() -> None:
    asked = await asked_with()
    assert asked.json == {
        "model": "gpt-4o-mini",
        "messages": [{"role": message.role, "content": message.content} for message in MESSAGES],
        "max_completion_tokens": 1_000,
        "temperature": 0.7,
        "response_format": INSTAGRAM_POST_JSON_SCHEMA,
    }


@pytest.mark.parametrize(
    ("model", "options", "present", "absent"),
    [
        ({"token_limit_parameter": "max_tokens"}, {}, {"max_tokens": 1_000}, "max_completion_tokens"),
        ({"supports_temperature": False}, {"temperature": 0.2}, {}, "temperature"),
        ({"default_temperature": None}, {}, {}, "temperature"),
        ({"default_temperature": 0.9}, {"temperature": 0.0}, {"temperature": 0.0}, "reasoning_effort"),
        ({"reasoning_effort": "none"}, {}, {"reasoning_effort": "none"}, "store"),
        ({"supports_json_schema": False}, {}, {}, "response_format"),
        ({}, {"store_responses": True}, {"store": True}, "reasoning_effort"),
        ({"supports_store": False}, {"store_responses": True}, {}, "store"),
        ({"max_temperature": 1.0}, {"temperature": 1.3}, {"temperature": 1.0}, "store"),
        ({"max_temperature": 1.0}, {"temperature": 0.4}, {"temperature": 0.4}, "store"),
    ],
)
async def test_a_call_fits_what_the_model_understands(
    model: dict[str, object], options: dict[str, object], present: dict[str, object], absent: str
) -> None:
    asked = (await asked_with(model, **options)).json
    assert {name: asked.get(name) for name in present} == present
    assert absent not in asked


@pytest.mark.parametrize(
    ("row", "setting", "expected"), [(700, None, 700), (700, 300, 300), (None, None, 1_000), (None, 50, 50)]
)
async def test_the_token_limit_is_the_setting_else_the_row_s_else_a_thousand(
    row: int | None, setting: int | None, expected: int
) -> None:
    async with open_writer("http://127.0.0.1:9/v1", model={"default_max_tokens": row}, max_tokens=setting) as writer:
        assert writer.max_tokens == expected


async def test_korean_and_emoji_arrive_as_they_are() -> None:
    [system, user] = (await asked_with()).json["messages"]
    assert user["content"] == MESSAGES[1].content
    assert "오션앤코 성수점" in user["content"]
    assert system["role"] == "system"


async def test_an_answer_comes_back_as_the_server_sent_it() -> None:
    async with SimulatedLlmServer() as server, open_writer(server.base_url) as writer:
        completion = await write(writer)
        [call] = (await server.control().ledger()).calls
    assert json.loads(completion.raw)["id"] == call.completion_id
    assert json.loads(completion.usage)["prompt_tokens"] == completion.prompt_tokens == call.prompt_tokens
    assert completion.total_tokens == call.prompt_tokens + call.completion_tokens
    assert json.loads(completion.content).keys() == {"instagram_ad_copy", "hashtags"}


async def test_the_latency_is_the_call_s_in_milliseconds() -> None:
    async with SimulatedLlmServer() as server, open_writer(server.base_url) as writer:
        await server.control().set_latency("constant:0.2")
        latency_ms = (await write(writer)).latency_ms
    assert latency_ms is not None
    assert 200 <= latency_ms < 5_000


async def test_a_stored_completion_is_found_again_at_no_cost() -> None:
    async with SimulatedLlmServer() as server, open_writer(server.base_url, store_responses=True) as writer:
        assert await writer.find_stored(CALL_ID) is None
        written = await write(writer)
        found = await writer.find_stored(CALL_ID)
        summary = await server.control().ledger_summary()
    assert found is not None
    assert (found.content, found.total_tokens) == (written.content, written.total_tokens)
    assert found.latency_ms is None
    assert summary.billed_calls == 1


async def test_nothing_is_looked_up_where_nothing_is_stored() -> None:
    async with answering(completion_answer) as (base_url, asked), open_writer(base_url) as writer:
        assert await writer.find_stored(CALL_ID) is None
    assert asked == []


@pytest.mark.parametrize("status", [403, 404])
async def test_where_stored_answers_cannot_be_listed_none_is_found(status: int) -> None:
    async def no_such_thing(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"error": {"message": "no"}}, status=status)

    async with answering(no_such_thing) as (base_url, _), open_writer(base_url, store_responses=True) as writer:
        assert await writer.find_stored(CALL_ID) is None
