"""Each fault as the openai client sees it, and whether it is billed."""

import json
import time
from collections.abc import Mapping
from typing import get_args

import httpx2
import openai
import pytest
from openai import AsyncOpenAI

from devstack.simulated_llm.control import SimulatedLlmControl
from devstack.simulated_llm.faults import AnswerFaultKind, PostFaultKind
from tests.contract.simulated_llm.calls import ask, ask_raw, open_client, request_id
from tests.support.waiting import eventually

CONTENT_FAULTS = (*get_args(AnswerFaultKind), *get_args(PostFaultKind))


async def only_call_is_billed(simulated_llm: SimulatedLlmControl) -> bool:
    (call,) = (await eventually(simulated_llm.ledger)).calls
    return call.billed


@pytest.mark.parametrize(
    ("kind", "error_class", "error_type", "code"),
    [
        ("rate_limited", openai.RateLimitError, "requests", "rate_limit_exceeded"),
        ("insufficient_quota", openai.RateLimitError, "insufficient_quota", "insufficient_quota"),
        ("unauthorized", openai.AuthenticationError, "invalid_request_error", "invalid_api_key"),
        ("forbidden", openai.PermissionDeniedError, "request_forbidden", "unsupported_country_region_territory"),
        ("model_not_found", openai.NotFoundError, "invalid_request_error", "model_not_found"),
        ("bad_request", openai.BadRequestError, "invalid_request_error", "invalid_value"),
        ("server_error_500", openai.InternalServerError, "server_error", None),
        ("unavailable_503", openai.InternalServerError, "server_error", None),
        ("conflict_409", openai.ConflictError, "conflict", None),
        ("timeout_408", openai.APIStatusError, "timeout", None),
    ],
)
async def test_an_error_status_raises_the_clients_error_and_is_not_billed(
    client: AsyncOpenAI,
    simulated_llm: SimulatedLlmControl,
    kind: str,
    error_class: type[openai.APIStatusError],
    error_type: str,
    code: str | None,
) -> None:
    await simulated_llm.set_faults({"kind": kind})
    with pytest.raises(error_class) as refusal:
        await ask(client)
    assert (refusal.value.type, refusal.value.code) == (error_type, code)
    assert refusal.value.response.headers["x-request-id"].startswith("req_")
    (call,) = (await simulated_llm.ledger()).calls
    assert (call.status, call.fault, call.billed) == (refusal.value.status_code, kind, False)


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("both", {"retry-after": "3", "retry-after-ms": "2500"}),
        ("retry-after", {"retry-after": "3"}),
        ("retry-after-ms", {"retry-after-ms": "2500"}),
        ("none", {}),
    ],
)
async def test_a_rate_limit_tells_the_wait_in_the_spelling_asked_for(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl, spelling: str, expected: Mapping[str, str]
) -> None:
    await simulated_llm.set_faults({"kind": "rate_limited", "retry_after_s": 2.5, "retry_after_header": spelling})
    with pytest.raises(openai.RateLimitError) as refusal:
        await ask(client)
    headers = refusal.value.response.headers
    assert {name: headers[name] for name in ("retry-after", "retry-after-ms") if name in headers} == expected


async def test_a_503_can_tell_a_wait_too(client: AsyncOpenAI, simulated_llm: SimulatedLlmControl) -> None:
    await simulated_llm.set_faults({"kind": "unavailable_503", "retry_after_s": 7})
    with pytest.raises(openai.InternalServerError) as refusal:
        await ask(client)
    assert refusal.value.response.headers["retry-after"] == "7"


async def test_a_hang_lasts_until_the_client_gives_up_and_is_not_billed(simulated_llm: SimulatedLlmControl) -> None:
    await simulated_llm.set_faults({"kind": "hang"})
    async with open_client(simulated_llm.base_url, timeout_s=0.3) as client:
        with pytest.raises(openai.APITimeoutError):
            await ask(client)

    async def ended() -> bool:
        return (await simulated_llm.ledger_summary()).in_flight_calls == 0

    await eventually(ended)
    (call,) = (await simulated_llm.ledger()).calls
    assert (call.status, call.billed, call.delivered) == (None, False, False)


async def test_a_hang_with_an_end_is_a_late_answer_and_billed(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults({"kind": "hang", "hang_s": 0.4})
    started_s = time.monotonic()
    assert (await ask(client)).choices[0].finish_reason == "stop"
    assert time.monotonic() - started_s >= 0.4
    assert await only_call_is_billed(simulated_llm)


@pytest.mark.parametrize("after_generation", [True, False])
async def test_a_reset_connection_is_billed_if_the_answer_was_generated(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl, *, after_generation: bool
) -> None:
    await simulated_llm.set_faults({"kind": "connection_reset", "after_generation": after_generation})
    with pytest.raises(openai.APIConnectionError) as failure:
        await ask(client)
    assert "reset" in str(failure.value.__cause__).lower()
    (call,) = (await simulated_llm.ledger()).calls
    assert (call.status, call.billed, call.delivered) == (None, after_generation, False)


async def test_a_body_that_ends_early_breaks_the_connection_and_is_billed(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults({"kind": "truncated_body"})
    with pytest.raises((openai.APIConnectionError, httpx2.HTTPError)):
        await ask_raw(client)
    assert await only_call_is_billed(simulated_llm)


async def test_half_a_body_under_its_own_length_is_bad_json_and_billed(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults({"kind": "truncated_body", "valid_http": True})
    response = await ask_raw(client)
    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()
    assert await only_call_is_billed(simulated_llm)


async def test_a_web_page_comes_with_status_200_and_is_billed(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults({"kind": "html_200"})
    response = await ask_raw(client)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert response.text.startswith("<!DOCTYPE html>")
    assert await only_call_is_billed(simulated_llm)


@pytest.mark.parametrize("kind", CONTENT_FAULTS)
async def test_a_content_fault_is_a_whole_completion_and_billed(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl, kind: str
) -> None:
    healthy = (await ask(client)).choices
    await simulated_llm.clear_ledger()
    await simulated_llm.set_faults({"kind": kind})
    completion = await ask(client)
    assert completion.choices != healthy
    assert completion.usage
    (call,) = (await simulated_llm.ledger()).calls
    assert (call.status, call.fault, call.billed, call.delivered) == (200, kind, True, True)
    assert call.completion_tokens == completion.usage.completion_tokens


async def test_a_refusal_arrives_where_the_client_looks_for_it(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults({"kind": "refusal"})
    message = (await ask(client)).choices[0].message
    assert message.content is None
    assert message.refusal


@pytest.mark.parametrize("kind", ["length", "content_filter"])
async def test_a_finish_reason_says_why_the_model_stopped(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl, kind: str
) -> None:
    await simulated_llm.set_faults({"kind": kind})
    assert (await ask(client)).choices[0].finish_reason == kind


async def test_a_fault_on_the_first_attempt_leaves_the_second_alone(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults({"kind": "server_error_500", "attempts": [1]})
    with pytest.raises(openai.InternalServerError):
        await ask(client, request_id(attempt=1, overlay_id="one"))
    await ask(client, request_id(attempt=2, overlay_id="one"))


async def test_a_fault_can_single_out_one_overlay_or_one_text(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults(
        {"kind": "conflict_409", "match": "poison/"}, {"kind": "refusal", "match": "Ocean Blue"}
    )
    with pytest.raises(openai.ConflictError):
        await ask(client, request_id(overlay_id="poison"))
    assert (await ask(client)).choices[0].message.refusal


async def test_the_next_call_after_a_broken_connection_succeeds(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    for kind in ("connection_reset", "truncated_body", "html_200"):
        await simulated_llm.set_faults({"kind": kind, "first": 1})
        with pytest.raises((openai.APIError, httpx2.HTTPError, AttributeError)):
            assert (await ask(client)).choices
        assert (await ask(client)).choices
