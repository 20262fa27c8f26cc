"""The connection pool: with `repository.connecting`, the only place that opens connections to PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from repository.connecting import CONNECT_TIMEOUT_S, Connector, Pooler, Session
from repository.database_url import read_database_url
from repository.errors import StoreError, translated

STATEMENT_TIMEOUT_S = 30

# generic in the stubs only
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


async def open_pool(
    database_url: str,
    *,
    size: int,
    application_name: str,
    pooler: Pooler = "auto",
    must_write: bool = True,
    current_url: Callable[[], str] | None = None,
) -> Pool:
    """Open a pool of at most `size` connections; if it need not write, a replica will do without a primary.

    `current_url`: returns the URL for later connections, whose login may change.

    Raises:
        StoreUnavailable: the database does not answer, refuses the credentials, or cannot be written to.
        WrongDatabaseUrl: the URL asks for something unsupported.
    """
    with translated():
        url = read_database_url(database_url)
        connector: Any = Connector(
            url,
            application_name=application_name,
            pooler=pooler,
            must_write=must_write,
            current_url=current_url,
        )
        opened: Pool = await asyncpg.create_pool(
            min_size=1, max_size=size, command_timeout=STATEMENT_TIMEOUT_S, connect=connector, reset=_leave_as_is
        )
        return opened


async def open_session(database_url: str, *, application_name: str) -> Session:
    """Open one connection to the primary, for use of a session; the caller closes it.

    Raises:
        StoreUnavailable: the database does not answer, refuses the credentials, or cannot be written to.
        WrongDatabaseUrl: the URL asks for something unsupported.
    """
    with translated():
        # works without named prepared statements, whether or not there is a pooler
        connector = Connector(read_database_url(database_url), application_name=application_name, pooler="transaction")
        return await connector()


async def _leave_as_is(_: object) -> None:
    """Reset nothing: no statement here changes its session, and a round trip is saved."""


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """Borrow a connection for a block; errors are translated to `StoreError`."""
    with translated():
        borrowed = await pool.acquire(timeout=CONNECT_TIMEOUT_S)
    try:
        with translated():
            yield borrowed
    finally:
        # who is cancelled meanwhile waits no longer; asyncpg leaves its own task for that to nobody
        await asyncio.shield(_release(pool, borrowed))


async def _release(pool: Pool, borrowed: Connection) -> None:
    # the block's results are valid, even if the connection is lost on release
    with suppress(StoreError), translated():
        await pool.release(borrowed)


LONGEST_IDLE_S = 10.0  # within a transaction, where milliseconds pass between two statements

_BOUND = """
    SELECT set_config('idle_in_transaction_session_timeout', $1, true)
    WHERE current_setting('idle_in_transaction_session_timeout') = '0'
"""


@asynccontextmanager
async def transaction(borrowed: Connection, *, longest_idle_s: float = LONGEST_IDLE_S) -> AsyncIterator[None]:
    """Have a block be one transaction. Who is frozen or lost within it loses its session, and the locks with it.

    The server is told in the transaction, which holds behind a pooler, too; what the URL or the role says goes first.
    """
    async with borrowed.transaction():
        await borrowed.execute(_BOUND, f"{longest_idle_s:g}s")
        yield


@asynccontextmanager
async def snapshot(borrowed: Connection) -> AsyncIterator[None]:
    """Run a block in a read-only snapshot of the database."""
    async with borrowed.transaction(isolation="repeatable_read", readonly=True):
        yield
