"""The openai client with a short path for POSTs of bytes.

Most of the CPU of a call through the client is spent on what never changes or what nobody reads: the URL is parsed and
joined three times, the headers are merged four times, options are copied, plus redirects, event hooks, and request and
response objects with streams around bytes in memory. Here the client builds the first request of a path as usual;
later ones reuse its URL and headers and go straight to aiohttp. The client's handling of statuses is unchanged.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import aiohttp
import httpx2
import openai
import yarl
from openai._models import FinalRequestOptions

# Specific to a request or its connection.
_OWN_HEADERS = {"content-length", "content-type", "host", "connection"}
MOST_ANSWER_BYTES = 1_048_576  # a hundred times the size of a post, so that an endless answer does not fill the memory
SLICE_BYTES = 1_024
_OF_THE_ENCODED = {b"content-encoding", b"content-length"}


class AnswerCutOff(aiohttp.ClientPayloadError):
    """A response ended early or is too large; `content` is what had arrived by then."""

    def __init__(self, detail: str, content: bytes) -> None:
        super().__init__(detail)
        self.content = content


class Reply(NamedTuple):
    """The response to a POST, its content decoded; names in `headers` may be in any case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class _Prepared(NamedTuple):
    """What the requests of one path share."""

    url: yarl.URL
    headers: dict[str, str]


class TimelyBody(aiohttp.BytesPayload):
    """A request body that is not sent after the deadline of the call.

    A process that was frozen while opening a connection would otherwise, on waking, send a request that another
    process has taken over: the socket is served before the timer (found by chaos, seed 619).
    """

    def __init__(self, content: bytes, *, not_after_s: float) -> None:
        super().__init__(content)
        self._not_after_s = not_after_s

    async def write_with_length(self, writer: aiohttp.abc.AbstractStreamWriter, content_length: int | None) -> None:
        """Write the body.

        Raises:
            TimeoutError: it is too late, by the event loop's clock.
        """
        if asyncio.get_running_loop().time() > self._not_after_s:
            raise TimeoutError("too late to send the request")
        await super().write_with_length(writer, content_length)


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    try:
        async for chunk in answer.content.iter_any():
            content += chunk
            _require_bounded(content)
    except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError) as error:
        if isinstance(error, AnswerCutOff) or not content:
            raise
        raise AnswerCutOff(str(error), bytes(content)) from error
    except asyncio.CancelledError as error:
        # the timeout for the whole call turns it into its own error, whose cause has what had arrived
        raise asyncio.CancelledError(bytes(content)) from error
    return bytes(content)


def come_by_then(error: TimeoutError) -> bytes:
    """Return what had arrived of a response at the deadline of the call."""
    cause = error.__cause__
    content = cause.args[0] if isinstance(cause, asyncio.CancelledError) and cause.args else b""
    return content if isinstance(content, bytes) else b""


class _Slices(httpx2.SyncByteStream):
    """Encoded bytes in small slices, each of which decodes to at most about a thousand times its size."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._content), SLICE_BYTES):
            yield self._content[start : start + SLICE_BYTES]


def _decoded(answer: aiohttp.ClientResponse, encoded: bytes) -> bytes:
    """Return the content decoded, within the size limit."""
    if "," in answer.headers["content-encoding"]:
        raise AnswerCutOff("the answer is encoded more than once", b"")
    stream = httpx2.Response(answer.status, headers=answer.raw_headers, stream=_Slices(encoded))
    content = bytearray()
    try:
        for chunk in stream.iter_bytes():
            content += chunk
            _require_bounded(content)
    except httpx2.DecodingError as error:
        raise AnswerCutOff(f"the answer cannot be decoded: {error}", bytes(content)) from error
    return bytes(content)


def _require_bounded(content: bytearray) -> None:
    if len(content) > MOST_ANSWER_BYTES:
        detail = f"the answer is larger than {MOST_ANSWER_BYTES:,} bytes"
        raise AnswerCutOff(detail, bytes(content[:MOST_ANSWER_BYTES]))


class BytesOpenAI(openai.AsyncOpenAI):
    """The client with a method for POSTs of bytes."""

    async def post_bytes(self, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a POST with these headers in addition to the client's.

        Raises:
            openai.APIStatusError: the status is not 2xx.
            openai.APIConnectionError: there was no response.
        """
        options: openai._types.RequestOptions = {"headers": headers}
        response = await self.post(path, cast_to=httpx2.Response, content=content, options=options)
        return Reply(response.status_code, response.headers, response.content)

    def use_key(self, api_key: str) -> None:
        """Use this key for the next calls."""
        self.api_key = api_key


class LeanOpenAI(BytesOpenAI):
    """The client with a short path for POSTs of bytes. Needs a running event loop."""

    def __init__(self, *, limits: httpx2.Limits, timeout: httpx2.Timeout, **options: Any) -> None:  # noqa: ANN401
        super().__init__(
            http_client=openai.DefaultAioHttpClient(limits=limits, timeout=timeout), timeout=timeout, **options
        )
        self._prepared: dict[str, _Prepared] = {}
        self._read_timeout_s = timeout.read or 0.0
        # the response is decoded by httpx2, which supports all that its Accept-Encoding names
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limits.max_connections or 0, ssl=httpx2.create_ssl_context()),
            auto_decompress=False,
            # the caller limits the whole call: a timer for each read would add nothing
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeout.connect, sock_read=None),
        )

    async def post_bytes(self, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a POST with these headers in addition to the client's, and read the whole response.

        Raises:
            openai.APIStatusError: the status is not 2xx.
            aiohttp.ClientError, TimeoutError: there was no response, or one that is too large.
        """
        url, shared_headers = self._prepared.get(path) or self._prepare(path, content, headers)
        body = TimelyBody(content, not_after_s=asyncio.get_running_loop().time() + self._read_timeout_s)
        async with self._session.post(url, data=body, headers={**shared_headers, **headers}) as answer:
            received = await _whole(answer)
        if "content-encoding" in answer.headers:
            received = _decoded(answer, received)
        if not httpx2.codes.is_success(answer.status):
            raise self._status_error(answer, received)
        return Reply(answer.status, answer.headers, received)

    def use_key(self, api_key: str) -> None:
        """Use this key for the next calls, which are prepared anew."""
        super().use_key(api_key)
        self._prepared.clear()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await super().close()

    def _prepare(self, path: str, content: bytes, own_headers: Mapping[str, str]) -> _Prepared:
        options = FinalRequestOptions.construct(method="post", url=path, content=content, headers=own_headers)
        first = self._build_request(options)
        not_shared = _OWN_HEADERS | {name.lower() for name in own_headers}
        shared = {name: value for name, value in first.headers.items() if name not in not_shared}
        prepared = self._prepared[path] = _Prepared(yarl.URL(str(first.url)), shared)
        return prepared

    def _status_error(self, answer: aiohttp.ClientResponse, content: bytes) -> openai.APIStatusError:
        """Return the client's own error for a status."""
        headers = [header for header in answer.raw_headers if header[0].lower() not in _OF_THE_ENCODED]
        request = httpx2.Request(answer.method, str(answer.url))
        return self._make_status_error_from_response(
            httpx2.Response(answer.status, headers=headers, content=content, request=request)
        )
