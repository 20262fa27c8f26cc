"""The connection pool: the only place that opens connections to PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from asyncpg.pool import PoolConnectionProxy

from repository.errors import StoreError, translated

CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 30

# generic in the stubs only
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


async def open_pool(database_url: str, *, size: int, application_name: str) -> Pool:
    """Open a pool of at most `size` connections to the primary.

    Raises:
        StoreUnavailable: the database does not answer or refuses the credentials.
    """
    with translated():
        return await asyncpg.create_pool(
            database_url,
            min_size=1,
            max_size=size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=STATEMENT_TIMEOUT_S,
            # after a failover a pool must find the new primary, not stay on the old one
            target_session_attrs=SessionAttribute.read_write,
            server_settings={"application_name": application_name},
            reset=_leave_as_is,
        )


async def open_session(database_url: str, *, application_name: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Open one connection to the primary for what needs a session of its own; the caller closes it.

    Raises:
        StoreUnavailable: the database does not answer or refuses the credentials.
    """
    with translated():
        return await asyncpg.connect(
            database_url,
            timeout=CONNECT_TIMEOUT_S,
            target_session_attrs=SessionAttribute.read_write,
            server_settings={"application_name": application_name},
        )


async def _leave_as_is(_: object) -> None:
    """No statement of ours changes its session, so there is nothing to reset, and no round trip to lose."""


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """Borrow a connection for the statements of one block; errors come out as `StoreError`."""
    with translated():
        borrowed = await pool.acquire(timeout=CONNECT_TIMEOUT_S)
    try:
        with translated():
            yield borrowed
    finally:
        # what the block was answered holds, even if the connection is lost on its way back
        with suppress(StoreError), translated():
            await pool.release(borrowed)
