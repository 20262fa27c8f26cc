"""Calls through a proxy, as the environment names one: the ordinary client makes them."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from aiohttp import web

from consumer.llm import writer as writer_module
from consumer.llm.errors import CallFailed
from tests.support.answering_server import answering
from tests.support.writers import open_writer, write

PROVIDER = "http://api.provider.example/v1"
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def unanswered_port() -> Iterator[int]:
    """A port at which a connection is neither taken nor refused: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


async def test_a_proxy_that_takes_no_connection_is_given_up_long_before_the_call_s_own_time(
    unanswered_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unanswered_port}")
    monkeypatch.setattr(writer_module, "CONNECT_TIMEOUT_S", 0.2)
    async with open_writer(PROVIDER, timeout_s=60) as writer, asyncio.timeout(20):
        with pytest.raises(CallFailed):
            await write(writer)


async def test_a_call_goes_to_the_proxy_with_the_provider_s_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unavailable(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=503)

    async with answering(unavailable) as (proxy_url, asked):
        monkeypatch.setenv("HTTP_PROXY", proxy_url)
        async with open_writer(PROVIDER) as writer:
            with pytest.raises(CallFailed):
                await write(writer)
    assert [call.headers["host"] for call in asked] == ["api.provider.example"]
