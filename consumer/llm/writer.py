"""The writer: one Chat Completions call through the openai client, and its errors translated.

The call is a POST of prebuilt bytes, and its result the bytes that came: `parse` loses a paid completion when its JSON
is bad, and typed models cost several times the CPU.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.request import getproxies

import aiohttp
import httpx2
import openai
from pydantic_core import to_json

from consumer.llm.chat import CallId, Messages
from consumer.llm.completion import FLEX, Completion
from consumer.llm.completion_reader import ErrorInside, completion_of_draft, read_completion, read_stored, tokens_told
from consumer.llm.endpoints import Endpoint
from consumer.llm.error_answer import MESSAGE_LENGTH
from consumer.llm.errors import AnswerRejected, CallFailed, FlexUnavailable, LlmError, RateLimited, Received
from consumer.llm.lean_client import AnswerCutOff, BytesOpenAI, LeanOpenAI, Reply, come_by_then
from consumer.llm.status import error_of
from repository.llm_models import DEFAULT_MAX_TOKENS, LlmModel

CONNECT_TIMEOUT_S = 10.0
_NO_ROOM = b'"resource_unavailable"'
_REQUEST_KEY = "feed_request"
_CLIENT_ERRORS = (
    openai.APIStatusError, openai.APIConnectionError, httpx2.HTTPError, aiohttp.ClientError, OSError,
)  # fmt: skip
_MODEL_KEY = "llm_model"  # two models may share an account, but have different prices


def open_client(endpoint: Endpoint, *, timeout_s: float, max_connections: int) -> BytesOpenAI:
    """Open the provider's client on aiohttp, without its own retries, which would cost money unnoticed.

    To be called in a running event loop.
    """
    limits = httpx2.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
    timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))
    options: dict[str, Any] = {
        "api_key": endpoint.api_key,
        "base_url": endpoint.base_url,
        "default_query": endpoint.query,
        "max_retries": 0,
    }
    if getproxies():
        # proxies are left to the ordinary client
        http_client = openai.DefaultAioHttpClient(limits=limits, timeout=timeout)
        return BytesOpenAI(http_client=http_client, timeout=timeout, **options)
    return LeanOpenAI(limits=limits, timeout=timeout, **options)


class Writer:
    """Calls one model; holds what all its calls share. `response_format` is a JSON schema as the API takes it."""

    def __init__(
        self,
        client: BytesOpenAI,
        model: LlmModel,
        *,
        response_format: Mapping[str, Any],
        timeout_s: float,
        temperature: float | None = None,
        max_tokens: int | None = None,
        store_responses: bool = False,
    ) -> None:
        self.model = model
        self._options: dict[str, Any] = {
            "response_format": response_format,
            "timeout_s": timeout_s,
            "temperature": temperature,
            "max_tokens": max_tokens,
            "store_responses": store_responses,
        }
        self.max_tokens = max_tokens or model.default_max_tokens or DEFAULT_MAX_TOKENS
        self.temperature = _taken_by(model, model.default_temperature if temperature is None else temperature)
        self._client = client
        self._response_format = response_format
        self._timeout_s = timeout_s
        """For a whole call: the client's timeout is per read, and a body that trickles in must end as well."""
        self._store_responses = store_responses and model.supports_store

    def about(self, model: LlmModel) -> "Writer":
        """Return a writer with the same endpoint and settings for a new row of the model."""
        return Writer(self._client, model, **self._options)

    async def write(self, messages: Messages, *, max_tokens: int, call_id: CallId, flex: bool = False) -> Completion:
        """Make one call; with `flex`, at the provider's cheaper tier, which may have no capacity.

        Raises:
            LlmError: there is no completion; the class says what follows.
        """
        body = self._body(messages, max_tokens=max_tokens, call_id=call_id, flex=flex)
        headers = {"Content-Type": "application/json", "X-Client-Request-Id": call_id.client_request_id}
        started = time.perf_counter()
        try:
            reply = await self._posted(body, headers)
            return self._read(reply, latency_ms=_ms_since(started))
        except AnswerRejected as rejected:
            # the model wrote, though not the requested JSON: judged like any other answer
            return completion_of_draft(rejected.draft, rejected.body, latency_ms=_ms_since(started))

    async def _posted(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._client.post_bytes("/chat/completions", body, headers)
        except _CLIENT_ERRORS as error:
            raise self._llm_error(error) from error

    def _read(self, reply: Reply, *, latency_ms: float) -> Completion:
        body = self._redacted(reply.content)
        try:
            return read_completion(body, latency_ms=latency_ms, headers=reply.headers)
        except ErrorInside as error:
            told = error_of(reply.status_code, error.body, reply.headers, now=datetime.now(UTC))
            told.received = _received(body, latency_ms)
            raise told from error
        except CallFailed as error:
            error.received = _received(body, latency_ms)
            raise

    def _redacted(self, body: bytes) -> bytes:
        """Return the body without the key, which some servers quote."""
        return body.replace(self._client.api_key.encode(), b"***")

    async def find_stored(self, call_id: CallId) -> Completion | None:
        """Return the newest completion that the provider stored for this request; free of charge.

        None if there is none, or completions are not stored.

        Raises:
            LlmError: the provider could not be asked.
        """
        if not self._store_responses:
            return None
        metadata = {f"metadata[{key}]": value for key, value in self._metadata(call_id).items()}
        query = {**metadata, "order": "desc", "limit": "1"}
        try:
            async with asyncio.timeout(self._timeout_s):
                page = await self._client.get("/chat/completions", cast_to=httpx2.Response, options={"params": query})
        except (openai.NotFoundError, openai.PermissionDeniedError):
            return None  # the endpoint stores none, or the key lacks the permission
        except _CLIENT_ERRORS as error:
            raise self._llm_error(error) from error
        return read_stored(self._redacted(page.content))

    def batch_body(self, messages: Messages, *, max_tokens: int, response_format: Mapping[str, Any]) -> bytes:
        """Build the body of a batch line, with a response format of its own."""
        return to_json(self._fields(messages, max_tokens, response_format))

    def _body(self, messages: Messages, *, max_tokens: int, call_id: CallId, flex: bool) -> bytes:
        body = self._fields(messages, max_tokens, self._response_format)
        if flex:
            body["service_tier"] = FLEX
        if self._store_responses:
            body["store"] = True
            body["metadata"] = self._metadata(call_id)
        return to_json(body)

    def _fields(self, messages: Messages, max_tokens: int, response_format: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a Chat Completions request that this model supports."""
        model = self.model
        body: dict[str, Any] = {
            "model": model.model_name,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            model.token_limit_parameter: max_tokens,
        }
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if model.reasoning_effort is not None:
            body["reasoning_effort"] = model.reasoning_effort
        if model.supports_json_schema:
            body["response_format"] = response_format
        return body

    def _metadata(self, call_id: CallId) -> dict[str, str]:
        return {_REQUEST_KEY: call_id.request, _MODEL_KEY: self.model.full_name}

    def _llm_error(self, error: Exception) -> LlmError:
        """Translate one of the client's errors."""
        if isinstance(error, openai.APIStatusError):
            response = error.response
            body = self._redacted(response.content)
            told = error_of(response.status_code, body, response.headers, now=datetime.now(UTC))
            if isinstance(told, RateLimited) and _NO_ROOM in body:
                return FlexUnavailable(str(told), retry_after_s=told.retry_after_s)
            return told
        return self._unanswered(error)

    def _unanswered(self, error: BaseException) -> CallFailed:
        # the client's transport reports every connection error as a connect timeout; the first cause is more accurate
        while not isinstance(error, (TimeoutError, aiohttp.ClientError)) and error.__cause__:
            error = error.__cause__
        if isinstance(error, TimeoutError):
            late = CallFailed(f"no answer within {self._timeout_s:g} s", maybe_billed=True)
            if content := come_by_then(error):
                late.received = _received(self._redacted(content), None)
            return late
        connected = not isinstance(error, aiohttp.ClientConnectorError)
        failed = CallFailed(f"connection failed: {error}"[:MESSAGE_LENGTH], maybe_billed=connected)
        if isinstance(error, AnswerCutOff):
            failed.received = _received(self._redacted(error.content), None)
        return failed


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1_000


def _received(body: bytes, latency_ms: float | None) -> Received:
    return Received(body=body, tokens=tokens_told(body), latency_ms=latency_ms)


def _taken_by(model: LlmModel, temperature: float | None) -> float | None:
    """Return the temperature within the range of the model's endpoint; this is what is stored as used."""
    if temperature is None or not model.supports_temperature:
        return None
    return temperature if model.max_temperature is None else min(temperature, model.max_temperature)
