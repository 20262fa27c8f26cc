"""A small HTTP/1.1 server on httptools.

aiohttp.web takes twice the CPU time for a request, and tells a handler of a lost connection only by cancelling it:
a call that the client has given up must go on, because it is billed.
"""

import asyncio
import logging
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple, cast
from urllib.parse import parse_qsl, unquote

import httptools

_BACKLOG = 1024  # a whole process of the consumer connects at once
_LINGER_ZERO = struct.pack("ii", 1, 0)
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_log = logging.getLogger(__name__)


class HttpResponse(NamedTuple):
    """An answer. An ``announced_length`` beyond the body's makes the connection end early."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}
    announced_length: int | None = None

    def head(self) -> bytes:
        """Return status line and headers."""
        length = len(self.body) if self.announced_length is None else self.announced_length
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, '')}",
            f"content-type: {self.content_type}",
            f"content-length: {length}",
            *map(": ".join, self.headers.items()),
            "\r\n",
        ]
        return "\r\n".join(lines).encode("latin-1")


@dataclass(slots=True)
class HttpRequest:
    """A request that has arrived in full; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool
    connection: "HttpConnection"

    @property
    def path(self) -> str:
        """The path, decoded."""
        path = self.target.partition("?")[0]
        return unquote(path) if "%" in path else path

    @property
    def query(self) -> dict[str, str]:
        """The parameters behind the path; of a name that comes twice, the last."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


HttpHandler = Callable[[HttpRequest], Awaitable[HttpResponse]]


class HttpServer:
    """Listens, and gives every request to one handler, which may outlive its connection."""

    def __init__(self, handler: HttpHandler) -> None:
        self._handler = handler
        self._connections: set[HttpConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> int:
        """Start to listen, and return the port: a free one for port 0."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: HttpConnection(self), host, port, backlog=_BACKLOG)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """End at once: drop all connections, cancel what is being answered."""
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def opened(self, connection: "HttpConnection") -> None:
        """Note a connection that is to be closed with the server."""
        self._connections.add(connection)

    def closed(self, connection: "HttpConnection") -> None:
        """Forget a connection."""
        self._connections.discard(connection)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run something until it ends or the server does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Have the handler answer; its failure is logged and answered with 500."""
        try:
            return await self._handler(request)
        except Exception:  # noqa: BLE001 - a bug here: logged, and told to the client
            _log.exception("%s %s failed", request.method, request.target)
            return HttpResponse(HTTPStatus.INTERNAL_SERVER_ERROR)


class HttpConnection(asyncio.Protocol):
    """One connection: its requests are answered one after the other."""

    def __init__(self, server: HttpServer) -> None:
        self.lost = asyncio.Event()
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[HttpRequest] = deque()
        self._is_answering = False

    @property
    def is_open(self) -> bool:
        """Whether the client is still there."""
        return not self._transport.is_closing()

    def abort(self) -> None:
        """Close without sending what is still to be sent."""
        self._transport.abort()

    def reset(self) -> None:
        """Send a TCP reset."""
        if self.is_open:
            # Closing with lingering on and no time to linger makes the kernel send RST, not FIN.
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            self.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a client that has connected (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.opened(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Note that the connection has ended, from either side (asyncio)."""
        self.lost.set()
        self._server.closed(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes that have come in (asyncio)."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._send(HttpResponse(HTTPStatus.BAD_REQUEST), keep_alive=False)

    def on_message_begin(self) -> None:
        """Begin a request (httptools)."""
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        """Take the target, or a part of it (httptools)."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header (httptools)."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Take the body, or a part of it (httptools)."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """End a request that is whole (httptools)."""
        request = HttpRequest(
            method=self._parser.get_method().decode("latin-1"),
            target=self._target.decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._body),
            keep_alive=self._parser.should_keep_alive(),
            connection=self,
        )
        self._waiting.append(request)
        if not self._is_answering:
            self._is_answering = True
            self._server.spawn(self._answer_waiting())

    async def _answer_waiting(self) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            self._send(await self._server.answer(request), keep_alive=request.keep_alive)
        self._is_answering = False

    def _send(self, response: HttpResponse, *, keep_alive: bool) -> None:
        if self.is_open:
            self._transport.write(response.head() + response.body)
            if not keep_alive or response.announced_length is not None:
                self._transport.close()
