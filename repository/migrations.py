"""Bring the database's schema to a revision.

The revisions are in the package `migrations`, so an installed wheel carries them; no alembic.ini is
read. Every function takes the `postgresql://` URL that asyncpg takes. SQLAlchemy is here only
because Alembic needs it, and never leaves this module.
"""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import resources

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationInfo
from alembic.util import CommandError
from sqlalchemy import Connection, pool
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

import migrations
from repository.errors import StoreError

CONNECT_TIMEOUT_S = 10.0
OLDEST_SERVER = 15  # NULLS NOT DISTINCT came with PostgreSQL 15

# Alembic keeps the running migration in the process-wide `alembic.context` and `alembic.op`: two at
# once in one process would run each other's statements, be it on different databases.
_alembic_in_use = threading.Lock()
_ALEMBIC_POLL_S = 0.02


class MigrationError(StoreError):
    """The database could not be brought to the revision; it is as it was before."""


async def upgrade(database_url: str, revision: str = "head") -> tuple[str, ...]:
    """Apply what is missing up to `revision`, all of it or nothing.

    Safe when several start at once: one applies, the others wait for it and apply nothing.

    Returns:
        The revisions applied, in order; empty if there was nothing to do.

    Raises:
        MigrationError: no connection, a server older than 15, a table locked for more than 3 s by
            others, or rows that the schema cannot take over.
    """
    return await _migrate(database_url, command.upgrade, revision)


async def downgrade(database_url: str, revision: str) -> tuple[str, ...]:
    """Take back the revisions after `revision` ("base" for all), all of them or nothing.

    What each one drops is in its docstring: the ledger and the outbox go, the seed's tables stay.

    Returns:
        The revisions taken back, in order.

    Raises:
        MigrationError: as for `upgrade`.
    """
    return await _migrate(database_url, command.downgrade, revision)


def render_sql(revision: str = "head") -> str:
    """Give the statements from an empty history to `revision` as one SQL script, for review."""
    script = io.StringIO()
    with _translated():
        command.upgrade(_config(output_buffer=script), revision, sql=True)
    return script.getvalue()


async def _migrate(database_url: str, run: Callable[[Config, str], None], revision: str) -> tuple[str, ...]:
    applied: list[str] = []

    def note(*, step: MigrationInfo, **_: object) -> None:
        applied.extend(step.up_revision_ids)

    def run_in(connection: Connection) -> None:
        _refuse_old_server(connection)
        run(_config(connection=connection, on_version_apply=note), revision)

    async with _alembic_to_itself(), _connected(database_url) as connection:
        await connection.run_sync(run_in)
    return tuple(applied)


def _config(*, output_buffer: io.StringIO | None = None, **attributes: object) -> Config:
    config = Config(output_buffer=output_buffer, attributes=attributes)
    config.set_main_option("script_location", str(resources.files(migrations)))
    return config


def _refuse_old_server(connection: Connection) -> None:
    version = connection.dialect.server_version_info
    if version is not None and version < (OLDEST_SERVER,):
        raise MigrationError(f"PostgreSQL {OLDEST_SERVER} or newer is needed, this is {version[0]}")


@asynccontextmanager
async def _alembic_to_itself() -> AsyncIterator[None]:
    """Wait for this process's other migrations; polls, for they may run in other event loops."""
    while not _alembic_in_use.acquire(blocking=False):  # noqa: ASYNC110 - an Event belongs to one loop
        await asyncio.sleep(_ALEMBIC_POLL_S)
    try:
        yield
    finally:
        _alembic_in_use.release()


@asynccontextmanager
async def _connected(database_url: str) -> AsyncIterator[AsyncConnection]:
    # The creator leaves reading the URL to asyncpg: SQLAlchemy's own reading knows no `sslmode`.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(database_url, timeout=CONNECT_TIMEOUT_S),
        poolclass=pool.NullPool,
    )
    with _translated():
        async with engine.connect() as connection:
            yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise MigrationError(_server_message(error)) from error
    except (
        SQLAlchemyError,
        CommandError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        OSError,
        ValueError,  # what asyncpg raises for a URL that it cannot read
    ) as error:
        raise MigrationError(f"{type(error).__name__}: {error}") from error


def _server_message(error: DBAPIError) -> str:
    """Give PostgreSQL's own words without the statement, and what helps against a held lock."""
    cause = error.orig.__cause__ if error.orig is not None else None
    message = f"{type(cause).__name__}: {cause}" if cause is not None else str(error.orig)
    if isinstance(cause, asyncpg.LockNotAvailableError):
        message += " (another session uses a table that must change; try again when it is done)"
    return message
