"""Poolers in transaction mode before a PostgreSQL server: PgBouncer itself where it is installed, and one of our own.

Ours hands out a session of the server for one transaction and takes sessions in turn, so that whatever a client
leaves in one is missing, or in somebody's way, at once. Like PgBouncer 1.18 it keeps no prepared statements, makes
up process ids, and refuses settings that it does not know.
"""

import asyncio
import os
import secrets
import shutil
import struct
from asyncio.subprocess import DEVNULL
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import asyncpg

from devstack.ports import free_port
from tests.support.waiting import eventually

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SESSIONS = 4

PGBOUNCER_INI = """
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
auth_type = trust
auth_file = {users}
default_pool_size = {sessions}
server_round_robin = 1
"""

KNOWN_SETTINGS = {
    "user",
    "database",
    "client_encoding",
    "DateStyle",
    "TimeZone",
    "standard_conforming_strings",
    "application_name",
}
SSL_REQUEST, CANCEL_REQUEST = 80877103, 80877102
IDLE = b"I"
LEAVE = b"X"


def through(url: str, port: int) -> str:
    """The URL with a pooler's port in place of the server's, which asks for no password."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}").geturl()


@asynccontextmanager
async def pgbouncer(url: str, folder: Path, *, sessions: int = SESSIONS) -> AsyncIterator[str]:
    """The URL of PgBouncer in transaction mode before the database, without `max_prepared_statements`."""
    assert PGBOUNCER is not None
    port = free_port()
    settings = _settings_file(url, port, folder, sessions)
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(PGBOUNCER, *as_user, str(settings), stdout=DEVNULL, stderr=DEVNULL)
    try:
        await eventually(lambda: _answers(port))
        yield through(url, port)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _settings_file(url: str, port: int, folder: Path, sessions: int) -> Path:
    parts = urlsplit(url)
    users, settings = folder / "users.txt", folder / "pgbouncer.ini"
    users.write_text(f'"{parts.username}" "{unquote(parts.password or "")}"\n')
    settings.write_text(
        PGBOUNCER_INI.format(host=parts.hostname, server_port=parts.port, port=port, users=users, sessions=sessions)
    )
    for parent in (folder, *folder.parents[:-1]):  # it runs as another user
        if parent.owner() == settings.owner() and parent.name.startswith(("pytest", folder.name)):
            parent.chmod(0o755)
    return settings


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def transaction_pooler(url: str) -> AsyncIterator[str]:
    """The URL of our own pooler before the database."""
    sessions = [await _session(url) for _ in range(SESSIONS)]
    pooler = _Pooler(deque(sessions))
    server = await asyncio.start_server(pooler.serve, "127.0.0.1", 0)
    try:
        yield through(url, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for session in sessions:
            session.writer.transport.abort()


@dataclass(slots=True)
class _Session:
    """A session of the server, past its authentication."""

    logged_in: "asyncpg.Connection[asyncpg.Record]"  # closes the socket when it is collected
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    parameters: dict[str, str]


async def _session(url: str) -> _Session:
    """Have asyncpg log in, then take its socket over."""
    opened = await asyncpg.connect(url)
    transport = opened._transport  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other client to log in with
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    settings = opened.get_settings()
    names = ("server_version", "server_encoding", "client_encoding", "integer_datetimes", "TimeZone")
    parameters = {name: str(getattr(settings, name)) for name in names}
    return _Session(
        opened, reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop()), parameters
    )


class _Pooler:
    def __init__(self, free: deque[_Session]) -> None:
        self._free = free
        self._returned = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it leaves."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            if await self._welcome(reader, writer):
                first = await _read(reader)
                while first.kind != LEAVE:
                    first = await self._transaction(first, reader, writer)
        writer.close()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        code, body = await _startup(reader)
        while code == SSL_REQUEST:
            writer.write(b"N")
            code, body = await _startup(reader)
        if code == CANCEL_REQUEST:
            return False
        settings = dict(zip(*[iter(body.decode().split("\0"))] * 2, strict=False))
        if unknown := sorted(settings.keys() - KNOWN_SETTINGS - {""}):
            fields = f"SFATAL\0C08P01\0Munsupported startup parameter: {unknown[0]}\0\0"
            writer.write(_message(b"E", fields.encode()))
            return False
        writer.write(_message(b"R", struct.pack("!i", 0)))
        for name, value in self._free[0].parameters.items():
            writer.write(_message(b"S", f"{name}\0{value}\0".encode()))
        writer.write(_message(b"K", secrets.token_bytes(8)))
        writer.write(_message(b"Z", IDLE))
        return True

    async def _transaction(
        self, message: "_Message", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> "_Message":
        """Give the client a session until its transaction is over; returns its first message after that."""
        session = await self._taken()
        answers = _Answers(session, writer)
        answering = asyncio.create_task(answers.until_idle())
        try:
            while True:
                answers.await_one(message)
                following = asyncio.create_task(_read(reader))
                await asyncio.wait([following, answering], return_when=asyncio.FIRST_COMPLETED)
                if answering.done():
                    await self._put_back(session)
                    return await following
                message = await following
        finally:
            answering.cancel()

    async def _taken(self) -> _Session:
        async with self._returned:
            await self._returned.wait_for(lambda: self._free)
            return self._free.popleft()

    async def _put_back(self, session: _Session) -> None:
        async with self._returned:
            self._free.append(session)
            self._returned.notify()


class _Answers:
    """What the server says to one client, passed on until the client's transaction is over."""

    def __init__(self, session: _Session, writer: asyncio.StreamWriter) -> None:
        self._session = session
        self._writer = writer
        self._awaited = 0

    def await_one(self, message: "_Message") -> None:
        """Send the server a message of the client's."""
        self._awaited += message.kind in {b"S", b"Q"}
        self._session.writer.write(message.data)

    async def until_idle(self) -> None:
        """Pass answers on."""
        while True:
            answer = await _read(self._session.reader)
            self._writer.write(answer.data)
            self._awaited -= answer.kind == b"Z"
            if answer.kind == b"Z" and answer.data[-1:] == IDLE and not self._awaited:
                return


async def _startup(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    length, code = struct.unpack("!ii", await reader.readexactly(8))
    return code, await reader.readexactly(length - 8)


class _Message(NamedTuple):
    kind: bytes
    data: bytes


async def _read(reader: asyncio.StreamReader) -> _Message:
    head = await reader.readexactly(5)
    (length,) = struct.unpack("!i", head[1:])
    return _Message(head[:1], head + await reader.readexactly(length - 4))


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body
