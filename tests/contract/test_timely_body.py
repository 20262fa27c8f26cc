"""A request whose time has passed before it could be sent is not sent: nothing of it reaches the provider."""

import asyncio

import aiohttp

from consumer.llm.lean_client import TimelyBody


async def received_by_a_server(not_after_s: float) -> tuple[bytes, bool]:
    """What a server gets of a request that may be written until then, and whether it was told to be too late."""
    is_too_late = False
    received = bytearray()
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            received.extend(chunk)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        closed.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, asyncio.timeout(10):
        async with aiohttp.ClientSession() as session:
            body = TimelyBody(b"the prompt", not_after_s=not_after_s)
            try:
                await session.post(f"http://127.0.0.1:{port}/", data=body)
            except TimeoutError:
                is_too_late = True
        await closed.wait()
    return bytes(received), is_too_late


async def test_in_time_it_is_sent_as_it_is() -> None:
    received, is_too_late = await received_by_a_server(asyncio.get_running_loop().time() + 10)
    assert received.endswith(b"\r\n\r\nthe prompt")
    assert not is_too_late


async def test_too_late_no_call_is_made() -> None:
    received, is_too_late = await received_by_a_server(asyncio.get_running_loop().time() - 1)
    assert b"the prompt" not in received
    assert is_too_late
