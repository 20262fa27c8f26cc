"""A TCP proxy in front of Postgres that can refuse, freeze and cut connections, and lose answers.

An answer is lost as by a network that fails at the worst moment: the statement reaches the server and is
committed there, the connection ends before its answer gets back.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from devstack.ports import LOOPBACK, free_port
from tests.chaos.pg_messages import READY_FOR_QUERY, MessageSplitter, StatementTracker

CHUNK_BYTES = 65_536


class TcpProxy:
    """Forwards connections on `port` to the server; made by `tcp_proxy`."""

    def __init__(self, upstream_port: int) -> None:
        self.port = free_port()
        self.answers_lost = 0
        self._upstream_port = upstream_port
        self._listener: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._marker: str | None = None

    async def accept(self) -> None:
        """Listen."""
        self._listener = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    async def refuse(self) -> None:
        """End all connections and take no new ones until `accept`."""
        if self._listener:
            self._listener.close()
        self.cut()

    def freeze(self) -> None:
        """Let no byte through, in either direction, until `thaw`; connections stay open."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Let bytes through again, those first that came while frozen."""
        self._flowing.set()

    def cut(self) -> None:
        """End all connections with a reset."""
        for link in list(self._links):
            link.abort()

    def lose_answers_to(self, marker: str | None) -> None:
        """From now on lose the answers to statements that hold this text; None: to none."""
        self._marker = marker

    async def _serve(self, client: StreamReader, to_client: StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection(LOOPBACK, self._upstream_port)
        except OSError:
            to_client.transport.abort()
            return
        link = _Link(self, client, to_client, server, to_server)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)
            link.abort()

    async def until_flowing(self) -> None:
        """Wait while frozen."""
        await self._flowing.wait()

    def loses_answer_to(self, statement: str) -> bool:
        """Whether the answer to this statement is to be lost now."""
        return self._marker is not None and self._marker in statement


class _Link:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(
        self,
        proxy: TcpProxy,
        client: StreamReader,
        to_client: StreamWriter,
        server: StreamReader,
        to_server: StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._client, self._to_client = client, to_client
        self._server, self._to_server = server, to_server
        self._statements = StatementTracker()
        self._unanswered: MessageSplitter | None = None

    async def run(self) -> None:
        """Forward both ways until one side ends."""
        pumps = [asyncio.create_task(self._forward_requests()), asyncio.create_task(self._forward_answers())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    def abort(self) -> None:
        """End both connections at once."""
        self._to_client.transport.abort()
        self._to_server.transport.abort()

    async def _forward_requests(self) -> None:
        with suppress(OSError):
            while data := await self._client.read(CHUNK_BYTES):
                await self._proxy.until_flowing()
                if any(map(self._proxy.loses_answer_to, self._statements.executed(data))):
                    # the client waits for each answer before it sends more, so this is a message's begin
                    self._unanswered = MessageSplitter(untyped_start=False)
                self._to_server.write(data)
                await self._to_server.drain()

    async def _forward_answers(self) -> None:
        with suppress(OSError):
            while data := await self._server.read(CHUNK_BYTES):
                await self._proxy.until_flowing()
                if self._unanswered is None:
                    self._to_client.write(data)
                    await self._to_client.drain()
                elif any(message.type == READY_FOR_QUERY for message in self._unanswered.feed(data)):
                    self._proxy.answers_lost += 1
                    return


@asynccontextmanager
async def tcp_proxy(upstream_port: int) -> AsyncIterator[TcpProxy]:
    """A proxy that forwards, for the time of a block."""
    proxy = TcpProxy(upstream_port)
    await proxy.accept()
    try:
        yield proxy
    finally:
        proxy.thaw()
        await proxy.refuse()
