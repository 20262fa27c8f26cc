"""The writer: one Chat Completions call through the openai client, and its errors translated.

The call is the client's lean form, `post` with prebuilt bytes and the raw response: `parse` loses a
paid completion when its JSON is bad, and typed models cost several times the CPU.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
from pydantic_core import from_json

from consumer.llm_errors import (
    AccountRefused,
    CallFailed,
    ContentFiltered,
    LlmError,
    RateLimited,
    RequestRefused,
)
from consumer.prompt import Messages
from repository.llm_models import DEFAULT_MAX_TOKENS, LlmModel
from schemas.post import INSTAGRAM_POST_JSON_SCHEMA

CONNECT_TIMEOUT_S = 10.0
MAX_RETRY_AFTER_S = 3_600.0
_DETAIL_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Completion:
    """What one call brought. `raw` and `usage` are JSON texts as received; tokens are the provider's count."""

    content: str
    refusal: str | None
    finish_reason: str
    raw: str
    usage: str
    prompt_tokens: int
    cached_prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    latency_ms: float


def open_client(*, api_key: str, base_url: str, timeout_s: float, max_connections: int) -> openai.AsyncOpenAI:
    """The provider's client, on aiohttp, with its own retries off: a retry of its costs money unseen."""
    limits = httpx2.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
    timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))
    return openai.AsyncOpenAI(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        timeout=timeout,
        http_client=openai.DefaultAioHttpClient(limits=limits, timeout=timeout),
    )


class Writer:
    """Has one model write; holds what all its calls share."""

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        model: LlmModel,
        *,
        timeout_s: float,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> None:
        self.model = model
        self.max_tokens = max_tokens or model.default_max_tokens or DEFAULT_MAX_TOKENS
        wanted = model.default_temperature if temperature is None else temperature
        self.temperature = wanted if model.supports_temperature else None
        self._client = client
        self._timeout_s = timeout_s

    async def write(self, messages: Messages, *, max_tokens: int, client_request_id: str) -> Completion:
        """Make one call.

        Raises:
            LlmError: there is no completion; the class says what may be done.
        """
        body = request_body(self.model, messages, temperature=self.temperature, max_tokens=max_tokens)
        started = time.perf_counter()
        response = await self._post(body, {"X-Client-Request-Id": client_request_id})
        return read_completion(response.content, latency_ms=(time.perf_counter() - started) * 1_000)

    async def _post(self, body: bytes, headers: dict[str, str]) -> httpx2.Response:
        headers["Content-Type"] = "application/json"
        try:
            # the client's timeout is for each read; a body that trickles in must end as well
            async with asyncio.timeout(self._timeout_s):
                return await self._client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    content=body,
                    options={"headers": headers},
                )
        except (TimeoutError, openai.APITimeoutError) as error:
            raise CallFailed(f"no answer within {self._timeout_s:g} s") from error
        except openai.APIStatusError as error:
            raise self._without_key(error_for_status(error)) from error
        except (openai.APIConnectionError, httpx2.HTTPError, OSError) as error:
            raise CallFailed(f"connection failed: {error.__cause__ or error}"[:_DETAIL_LENGTH]) from error

    def _without_key(self, error: LlmError) -> LlmError:
        """Some servers quote the key they refuse."""
        error.args = (str(error).replace(self._client.api_key, "***"),)
        return error


def request_body(model: LlmModel, messages: Messages, *, temperature: float | None, max_tokens: int) -> bytes:
    """The JSON body of a Chat Completions request, as far as this model understands it."""
    body: dict[str, Any] = {
        "model": model.model_name,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        model.token_limit_parameter: max_tokens,
    }
    if temperature is not None:
        body["temperature"] = temperature
    if model.reasoning_effort is not None:
        body["reasoning_effort"] = model.reasoning_effort
    if model.supports_json_schema:
        body["response_format"] = INSTAGRAM_POST_JSON_SCHEMA
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def read_completion(body: bytes, *, latency_ms: float) -> Completion:
    """Read a 200 answer.

    Raises:
        CallFailed: it is not a chat completion: HTML, a body cut off, no choices.
    """
    try:
        answer = from_json(body)
        choice = answer["choices"][0]
        message = choice["message"]
        usage = answer.get("usage") or {}
        return Completion(
            content=message.get("content") or "",
            refusal=message.get("refusal"),
            finish_reason=choice.get("finish_reason") or "",
            raw=_storable(body, answer),
            usage=json.dumps(usage),
            prompt_tokens=usage.get("prompt_tokens", 0),
            cached_prompt_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
            completion_tokens=usage.get("completion_tokens", 0),
            total_tokens=usage.get("total_tokens", 0),
            latency_ms=latency_ms,
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CallFailed(f"the answer is not a chat completion ({error})"[:_DETAIL_LENGTH]) from error


def _storable(body: bytes, answer: object) -> str:
    """The answer as received, unless it has a NUL, which jsonb refuses: that becomes U+FFFD."""
    if rb"\u0000" not in body:
        return body.decode()
    return json.dumps(_without_nul(answer), ensure_ascii=False)


def _without_nul(value: object) -> object:
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case list():
            return [_without_nul(item) for item in value]
        case dict():
            return {_without_nul(key): _without_nul(item) for key, item in value.items()}
        case _:
            return value


def error_for_status(error: openai.APIStatusError) -> LlmError:
    """What a 4xx or 5xx answer means for the event and for all others."""
    detail = f"HTTP {error.status_code} {error.code or ''}: {error.message}"[:_DETAIL_LENGTH]
    match error.status_code, error.code:
        case 429, "insufficient_quota" | "billing_hard_limit_reached":
            return AccountRefused(detail)
        case 429, _:
            return RateLimited(detail, retry_after_s=retry_after_s(error.response.headers))
        case 401 | 403 | 404, _:
            return AccountRefused(detail)
        case 400, "content_filter" | "content_policy_violation":
            return ContentFiltered(detail)
        case 408 | 409, _:
            return CallFailed(detail)
        case status, _ if status >= 500:
            return CallFailed(detail)
        case _:
            return RequestRefused(detail)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` in seconds; None when neither is a sane number."""
    for name, seconds_per_unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            wait_s = float(headers[name]) * seconds_per_unit
        except (KeyError, ValueError):
            continue
        if 0 <= wait_s <= MAX_RETRY_AFTER_S:
            return wait_s
    return None
