"""Each way a call can fail, as the class of error that decides what happens next."""

import asyncio
import gzip
import json
import tracemalloc

import pytest
from aiohttp import web

from consumer.llm.errors import AccountRefused, CallFailed, ContentFiltered, LlmError, RateLimited, RequestRefused
from consumer.llm.lean_client import MOST_ANSWER_BYTES
from consumer.llm.usage import UNKNOWN
from devstack.simulated_llm.server import SimulatedLlmServer
from tests.support.answering_server import Answer, answering
from tests.support.writers import API_KEY, open_writer, write

TIMEOUT_S = 0.4
CHUNK_BYTES = 65_536


async def failure(base_url: str, *, timeout_s: float = 10) -> LlmError:
    """How one call fails."""
    async with open_writer(base_url, timeout_s=timeout_s) as writer:
        with pytest.raises(LlmError) as caught:
            await write(writer)
    return caught.value


async def failure_of(answer: Answer, *, timeout_s: float = 10) -> LlmError:
    """How one call fails when the server answers like this."""
    async with answering(answer) as (base_url, asked):
        error = await failure(base_url, timeout_s=timeout_s)
    assert len(asked) == 1
    return error


@pytest.mark.parametrize(
    ("fault", "expected", "status"),
    [
        ({"kind": "rate_limited"}, RateLimited, 429),
        ({"kind": "insufficient_quota"}, AccountRefused, 429),
        ({"kind": "unauthorized"}, AccountRefused, 401),
        ({"kind": "forbidden"}, AccountRefused, 403),
        ({"kind": "model_not_found"}, AccountRefused, 404),
        ({"kind": "bad_request"}, RequestRefused, 400),
        ({"kind": "timeout_408"}, CallFailed, 408),
        ({"kind": "conflict_409"}, CallFailed, 409),
        ({"kind": "server_error_500"}, CallFailed, 500),
        ({"kind": "unavailable_503"}, CallFailed, 503),
        ({"kind": "html_200"}, CallFailed, 200),
        ({"kind": "truncated_body", "valid_http": True}, CallFailed, 200),
        ({"kind": "truncated_body", "valid_http": False}, CallFailed, 200),
        ({"kind": "connection_reset", "after_generation": True}, CallFailed, None),
        ({"kind": "connection_reset", "after_generation": False}, CallFailed, None),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
async def test_a_failing_call_raises_what_decides_and_is_made_once(
    fault: dict[str, object], expected: type[LlmError], status: int | None
) -> None:
    async with SimulatedLlmServer() as server:
        await server.control().set_faults(fault)
        error = await failure(server.base_url)
        [call] = (await server.control().ledger()).calls
    assert type(error) is expected
    assert call.status == status


@pytest.mark.parametrize(
    ("fault", "maybe_billed"),
    [
        ({"kind": "hang"}, True),
        ({"kind": "hang", "hang_s": 1.0}, True),
        ({"kind": "html_200"}, True),
        ({"kind": "truncated_body"}, True),
        ({"kind": "connection_reset"}, True),
        ({"kind": "server_error_500"}, False),
        ({"kind": "timeout_408"}, False),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
async def test_only_a_call_without_answer_may_have_been_billed(fault: dict[str, object], *, maybe_billed: bool) -> None:
    async with SimulatedLlmServer() as server:
        await server.control().set_faults(fault)
        error = await failure(server.base_url, timeout_s=TIMEOUT_S)
    assert isinstance(error, CallFailed)
    assert error.maybe_billed is maybe_billed


@pytest.mark.parametrize(("header", "expected_s"), [("both", 2), ("retry-after", 2), ("retry-after-ms", 1.5)])
async def test_a_rate_limit_tells_how_long_to_wait(header: str, expected_s: float) -> None:
    async with SimulatedLlmServer() as server:
        limited = {"kind": "rate_limited", "retry_after_s": 1.5, "retry_after_header": header}
        await server.control().set_faults(limited)
        error = await failure(server.base_url)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == pytest.approx(1.5 if header == "both" else expected_s)


async def test_a_rate_limit_without_a_time_tells_none() -> None:
    async with SimulatedLlmServer() as server:
        await server.control().set_faults({"kind": "rate_limited", "retry_after_header": "none"})
        error = await failure(server.base_url)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s is None


GOOGLE_WRONG_KEY = [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}]
ANTHROPIC_NO_CREDIT = {
    "error": {"type": "invalid_request_error", "message": "Your credit balance is too low to access the Anthropic API."}
}


@pytest.mark.parametrize("body", [GOOGLE_WRONG_KEY, ANTHROPIC_NO_CREDIT])
async def test_an_account_that_is_refused_with_400_is_not_the_requests_fault(body: object) -> None:
    async def refusal(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response(body, status=400)

    async with answering(refusal) as (base_url, _), open_writer(base_url) as writer:
        with pytest.raises(AccountRefused):
            await write(writer)


async def test_an_error_with_status_200_is_told_as_that_error() -> None:
    async def overloaded(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"error": {"message": "upstream overloaded", "code": 502}})

    error = await failure_of(overloaded)
    assert type(error) is CallFailed
    assert str(error) == "HTTP 502: upstream overloaded"


async def test_a_draft_that_the_provider_s_check_kept_back_is_an_answer_of_unknown_usage() -> None:
    rejected = {"message": "Failed to generate JSON.", "code": "json_validate_failed", "failed_generation": "{"}

    async def refusal(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"error": rejected}, status=400)

    async with answering(refusal) as (base_url, _), open_writer(base_url) as writer:
        completion = await write(writer)
    assert (completion.content, completion.total_tokens) == ("{", None)
    assert json.loads(completion.raw) == {"error": rejected}


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
async def test_a_filter_that_refuses_the_prompt_is_told_from_a_bad_request(code: str) -> None:
    async def filtered(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"error": {"message": "filtered", "code": code}}, status=400)

    error = await failure_of(filtered)
    assert type(error) is ContentFiltered
    assert error.reason == "llm_content_filtered"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b""),
        ("text/html", b"<html>Bad gateway</html>"),
        ("text/html", b"\x00\xff"),
        ("application/json", b"not json"),
        ("application/json", b"[]"),
        ("application/json", b'{"error": "text"}'),
        ("application/json", b'{"error": {"message": "\\ud800 \\u0000"}}'),
    ],
)
async def test_a_proxy_s_502_of_any_form_is_a_failed_call_that_can_be_noted(content_type: str, body: bytes) -> None:
    async def bad_gateway(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body, status=502, content_type=content_type)

    error = await failure_of(bad_gateway)
    assert type(error) is CallFailed
    assert "\0" not in str(error)
    assert str(error).encode()


async def test_no_server_at_all_is_a_failed_call() -> None:
    error = await failure("http://127.0.0.1:9/v1")
    assert type(error) is CallFailed
    assert "connection failed: Cannot connect to host 127.0.0.1:9" in str(error)
    assert not error.maybe_billed


async def elapsed_s(answer: Answer) -> float:
    """How long a call takes that the server never finishes."""
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    error = await failure_of(answer, timeout_s=TIMEOUT_S)
    assert str(error) == f"no answer within {TIMEOUT_S:g} s"
    return loop.time() - started_s


async def test_a_server_that_says_nothing_ends_the_call_at_the_timeout() -> None:
    async def silence(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    assert TIMEOUT_S <= await elapsed_s(silence) < 4 * TIMEOUT_S


async def test_a_body_that_trickles_in_ends_the_call_at_the_timeout_all_the_same() -> None:
    async def trickle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(TIMEOUT_S / 10)

    assert TIMEOUT_S <= await elapsed_s(trickle) < 4 * TIMEOUT_S


async def test_what_had_come_of_an_answer_at_the_timeout_is_kept_and_its_usage_is_unknown() -> None:
    begun = b'{"id": "chatcmpl-1", "choices": [{"index": 0, "mess'

    async def stalled(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(begun)
        await asyncio.Event().wait()
        raise AssertionError

    error = await failure_of(stalled, timeout_s=TIMEOUT_S)
    assert error.maybe_billed
    assert error.received is not None
    assert (error.received.body, error.received.tokens) == (begun, UNKNOWN)


async def test_an_answer_without_end_is_a_failed_call_before_it_fills_the_memory() -> None:
    written = 0

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * CHUNK_BYTES)
            written += CHUNK_BYTES

    error = await failure_of(endless)
    assert type(error) is CallFailed
    assert "the answer is larger than 1,048,576 bytes" in str(error)
    assert error.maybe_billed
    # what the sockets hold comes on top
    assert written < 32 * MOST_ANSWER_BYTES


@pytest.mark.parametrize("layers", [1, 2])
async def test_an_answer_that_unpacks_to_a_hundred_megabytes_is_a_failed_call_and_never_in_memory(layers: int) -> None:
    content = b" " * 104_857_600
    for _ in range(layers):
        content = gzip.compress(content, 1)
    assert len(content) < MOST_ANSWER_BYTES
    headers = {"content-encoding": ", ".join(["gzip"] * layers), "content-type": "application/json"}

    async def bomb(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=content, headers=headers)

    tracemalloc.start()
    try:
        error = await failure_of(bomb)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(error) is CallFailed
    assert error.maybe_billed
    assert peak_bytes < 16 * MOST_ANSWER_BYTES


async def test_an_answer_that_is_packed_is_read_as_any_other() -> None:
    async def packed(_: web.BaseRequest) -> web.StreamResponse:
        body = json.dumps({"error": {"message": "no such model", "code": "model_not_found"}}).encode()
        return web.Response(status=404, body=gzip.compress(body), headers={"content-encoding": "gzip"})

    assert "no such model" in str(await failure_of(packed))


async def test_a_cancelled_call_is_cancelled_and_not_an_error_of_the_provider() -> None:
    arrived = asyncio.Event()

    async def silence(_: web.BaseRequest) -> web.StreamResponse:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with answering(silence) as (base_url, _), open_writer(base_url) as writer:
        call = asyncio.create_task(write(writer))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


@pytest.mark.parametrize("status", [200, 401, 500])
@pytest.mark.parametrize("before", ["", "no such key:", "no such key, none at all:"])
async def test_a_server_that_quotes_the_key_does_not_get_it_into_an_error_text(status: int, before: str) -> None:
    """Not even the part of it that is left where a long text is cut."""

    async def quoting(request: web.BaseRequest) -> web.StreamResponse:
        quoted = before + request.headers["Authorization"].removeprefix("Bearer ") * 50
        return web.json_response({"error": {"message": quoted, "code": quoted}}, status=status)

    text = str(await failure_of(quoting))
    assert API_KEY[:8] not in text
    assert len(text) <= 500


@pytest.mark.parametrize("valid_http", [True, False])
async def test_of_an_answer_that_breaks_off_what_had_come_is_kept(valid_http: bool) -> None:  # noqa: FBT001
    async with SimulatedLlmServer() as server:
        await server.control().set_faults({"kind": "truncated_body", "valid_http": valid_http})
        error = await failure(server.base_url)
    assert error.received is not None
    assert error.received.body.startswith(b'{"id"')


async def test_an_error_inside_an_answer_is_kept_with_the_usage_it_tells() -> None:
    usage = {"prompt_tokens": 500, "completion_tokens": 200, "total_tokens": 700}
    body = {"error": {"message": "upstream overloaded", "code": 502}, "usage": usage}

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response(body)

    error = await failure_of(answer)
    assert error.received is not None
    assert json.loads(error.received.body) == body
    assert (error.received.tokens.prompt, error.received.tokens.completion) == (500, 200)


async def test_the_key_is_in_nothing_that_is_kept() -> None:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=f"no access for {API_KEY}", content_type="text/html")

    error = await failure_of(answer)
    assert error.received is not None
    assert API_KEY.encode() not in error.received.body
