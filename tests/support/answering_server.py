"""An HTTP server that answers a chat completion in a way of the test's own, and notes what it was asked."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    json: Any
    query: str = ""


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[tuple[str, list[Asked]]]:
    """Answer every request with `answer` while the block runs; yields the base URL and the list of requests."""
    asked: list[Asked] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked.append(
            Asked(request.path, headers, await request.json() if request.can_read_body else None, request.query_string)
        )
        return await answer(request)

    # some answers never end by themselves
    server = web.Server(handle, handler_cancellation=True)
    runner = web.ServerRunner(server, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", asked
    finally:
        await runner.cleanup()
