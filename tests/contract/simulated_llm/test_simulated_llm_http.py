"""The HTTP the server speaks, byte by byte."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devstack.simulated_llm.http_server import HttpRequest, HttpResponse, HttpServer

LOCALHOST = "127.0.0.1"


async def echo(request: HttpRequest) -> HttpResponse:
    """Answer with what was understood of the request."""
    if request.path == "/bug":
        raise ZeroDivisionError
    return HttpResponse(body=f"{request.method} {request.path} {request.query} ".encode() + request.body)


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    server = HttpServer(echo)
    reader, writer = await asyncio.open_connection(LOCALHOST, await server.listen(LOCALHOST, 0))
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()
        await server.close()


async def body_of_answer(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return (await reader.readexactly(length)).decode()


async def test_a_request_may_arrive_in_pieces() -> None:
    async with connected() as (reader, writer):
        for byte in b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello":
            writer.write(bytes([byte]))
            await writer.drain()
        assert await body_of_answer(reader) == "POST /a {} hello"


async def test_a_body_may_come_in_chunks() -> None:
    async with connected() as (reader, writer):
        writer.write(
            b"PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
        )
        assert await body_of_answer(reader) == "PUT /a {} hello"


async def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    async with connected() as (reader, writer):
        writer.write(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [await body_of_answer(reader), await body_of_answer(reader)] == ["GET /1 {} ", "GET /2 {} "]


async def test_path_and_query_are_decoded() -> None:
    async with connected() as (reader, writer):
        writer.write(b"GET /%EA%B0%80?metadata%5Ba%5D=b%20c&d= HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await body_of_answer(reader) == "GET /가 {'metadata[a]': 'b c', 'd': ''} "


async def test_the_connection_is_closed_when_the_client_asks_for_it() -> None:
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await body_of_answer(reader)
        assert await reader.read() == b""


async def test_what_is_not_http_is_400_and_ends_the_connection() -> None:
    async with connected() as (reader, writer):
        writer.write(b"what is this\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_a_failing_handler_is_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with connected() as (reader, writer):
        with caplog.at_level(logging.ERROR):
            writer.write(b"GET /bug HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 500 ")
    assert "GET /bug failed" in caplog.text
