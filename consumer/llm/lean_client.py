"""The openai client without the work that is identical for every call.

Half the CPU of a call through the client is spent on what never changes: the URL is parsed and joined three times, the
headers are merged four times, plus redirects, event hooks and a stream around bytes in memory. Here the client builds
the first request of a path as usual; later ones reuse its URL and headers and go straight to aiohttp. The client's
handling of responses and errors is unchanged.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import httpx2
import openai
import yarl
from openai._models import FinalRequestOptions

# Specific to a request or its connection.
_OWN_HEADERS = {"content-length", "content-type", "host", "connection"}
_PREPARED = "consumer.prepared"
MOST_ANSWER_BYTES = 1_048_576  # a hundred times the size of a post, so that an endless answer does not fill the memory
SLICE_BYTES = 1_024
_OF_THE_ENCODED = {b"content-encoding", b"content-length"}


class AnswerCutOff(aiohttp.ClientPayloadError):
    """A response ended early or is too large; `content` is what had arrived by then."""

    def __init__(self, detail: str, content: bytes) -> None:
        super().__init__(detail)
        self.content = content


class _Prepared:
    """What the requests of one path share, in the forms that httpx2 and aiohttp take."""

    __slots__ = ("headers", "httpx_url", "url")

    def __init__(self, first: httpx2.Request, own_headers: set[str]) -> None:
        self.httpx_url = first.url
        self.url = yarl.URL(str(first.url))
        self.headers = {
            name: value for name, value in first.headers.items() if name not in _OWN_HEADERS and name not in own_headers
        }


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


class LeanHttpClient(openai.DefaultAioHttpClient):
    """The client's HTTP client, with a short path for prepared requests. Needs a running event loop."""

    def __init__(self, *, limits: httpx2.Limits, timeout: httpx2.Timeout) -> None:
        super().__init__(limits=limits, timeout=timeout)
        connector = aiohttp.TCPConnector(limit=limits.max_connections or 0, ssl=httpx2.create_ssl_context())
        self._timeout_s = timeout.read or 0.0
        # the response is decoded by httpx2, which supports all that its Accept-Encoding names
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeout.connect, sock_read=timeout.read),
        )

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx2's own
        """Send a request and read its whole response.

        Raises:
            aiohttp.ClientError, TimeoutError: a prepared request got no response, or one that is too large.
        """
        prepared: tuple[_Prepared, dict[str, str]] | None = request.extensions.get(_PREPARED)
        if prepared is None:
            return await super().send(request, **options)
        common, headers = prepared
        body = TimelyBody(request.content, not_after_s=asyncio.get_running_loop().time() + self._timeout_s)
        async with self._session.post(common.url, data=body, headers=headers) as answer:
            content = await _whole(answer)
        if "content-encoding" in answer.headers:
            return _decoded(answer, content, request)
        return httpx2.Response(answer.status, headers=answer.raw_headers, content=content, request=request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()
        await super().aclose()


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


def _decoded(answer: aiohttp.ClientResponse, encoded: bytes, request: httpx2.Request) -> httpx2.Response:
    """Return the response with its content decoded, within the size limit."""
    if "," in answer.headers["content-encoding"]:
        raise AnswerCutOff("the answer is encoded more than once", b"")
    stream = httpx2.Response(answer.status, headers=answer.raw_headers, stream=_Slices(encoded), request=request)
    content = bytearray()
    try:
        for chunk in stream.iter_bytes():
            content += chunk
            _require_bounded(content)
    except httpx2.DecodingError as error:
        raise AnswerCutOff(f"the answer cannot be decoded: {error}", bytes(content)) from error
    headers = [header for header in answer.raw_headers if header[0].lower() not in _OF_THE_ENCODED]
    return httpx2.Response(answer.status, headers=headers, content=bytes(content), request=request)


def _require_bounded(content: bytearray) -> None:
    if len(content) > MOST_ANSWER_BYTES:
        detail = f"the answer is larger than {MOST_ANSWER_BYTES:,} bytes"
        raise AnswerCutOff(detail, bytes(content[:MOST_ANSWER_BYTES]))


class LeanOpenAI(openai.AsyncOpenAI):
    """The client; POSTs of bytes are prepared, everything else is as in its base class."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the client's own
        super().__init__(**options)
        self._prepared: dict[str, _Prepared] = {}

    def forget_prepared(self) -> None:
        """Forget prepared requests, so that new ones use the current key."""
        self._prepared.clear()

    def _build_request(self, options: FinalRequestOptions, *, retries_taken: int = 0) -> httpx2.Request:
        """Override the client's extension point for derived clients (its Azure client uses it too)."""
        own_headers = options.headers
        if not isinstance(options.content, bytes) or not isinstance(own_headers, dict):
            return super()._build_request(options, retries_taken=retries_taken)
        common = self._prepared.get(options.url)
        if common is None:
            first = super()._build_request(options, retries_taken=retries_taken)
            common = self._prepared[options.url] = _Prepared(first, {name.lower() for name in own_headers})
        prepared = (common, {**common.headers, **own_headers})
        return httpx2.Request("POST", common.httpx_url, content=options.content, extensions={_PREPARED: prepared})
