"""Bring the database's schema to a revision.

The revisions are in the package `migrations`, and so part of the wheel; no alembic.ini is read. Every function takes
the same `postgresql://` URL as asyncpg. SQLAlchemy is used only because Alembic needs it, and only in this module.
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
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

import migrations
from repository.connecting import Session
from repository.errors import StoreError, describe
from repository.pool import open_session
from repository.schema_version import newest_revision

APPLICATION_NAME = "instagram-feed migrate"
OLDEST_SERVER = 14
ENCODING = "UTF8"

# Their DETAIL names columns, types or objects, never a row's values.
_ABOUT_OBJECTS = (asyncpg.SyntaxOrAccessError, asyncpg.DependentObjectsStillExistError)
_HAS_HISTORY = (
    f"SELECT to_regclass('{migrations.VERSION_TABLE}') IS NOT NULL, "
    "to_regclass('feed_requests') IS NOT NULL AND to_regclass('partition_leases') IS NOT NULL"
)
_CURRENT = f"SELECT version_num FROM {migrations.VERSION_TABLE}"  # noqa: S608
_NOT_OURS = (
    "it is not this program's, which makes one of that name: give the program a schema of its own, first in the "
    "search_path and the other tables behind it, such as DATABASE_URL=…?options=-csearch_path%3Dfeeds,public"
)

# Alembic keeps the running migration in the process-wide `alembic.context` and `alembic.op`: two at
# once in one process would run each other's statements, even on different databases.
_alembic_in_use = threading.Lock()
_ALEMBIC_POLL_S = 0.02


class MigrationError(StoreError):
    """The migration failed; the database is unchanged."""


async def upgrade(database_url: str, revision: str = "head") -> tuple[str, ...]:
    """Apply the missing revisions up to `revision`, all or none.

    Safe when several start at once: one applies, the others wait for it and apply nothing.

    Returns:
        The revisions applied, in order; empty if there was nothing to do.

    Raises:
        MigrationError: no connection, a server older than 14, a table locked for more than 3 s by
            others, or rows that the schema cannot take over.
    """
    return await _migrate(database_url, command.upgrade, revision)


async def downgrade(database_url: str, revision: str) -> tuple[str, ...]:
    """Revert the revisions after `revision` ("base" for all), all or none.

    Each revision's docstring says what it drops: the ledger and the outbox go, the seed's tables stay.

    Returns:
        The revisions taken back, in order.

    Raises:
        MigrationError: as for `upgrade`.
    """
    return await _migrate(database_url, command.downgrade, revision)


def render_sql(revision: str = "head") -> str:
    """Return all statements up to `revision` as one SQL script, for review."""
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
        _refuse_other_encoding(connection)
        _refuse_missing_schema(connection)
        _refuse_unknown_history(connection)
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


def _refuse_other_encoding(connection: Connection) -> None:
    with connection.begin():
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != ENCODING:
        raise MigrationError(f"the database's encoding is {encoding}, which cannot hold every post: it must be UTF8")


def _refuse_unknown_history(connection: Connection) -> None:
    """Refuse tables whose revision is not known: Alembic would make them anew, or speak of an identifier."""
    with connection.begin():
        has_history, has_tables = connection.exec_driver_sql(_HAS_HISTORY).one()
        current = connection.exec_driver_sql(_CURRENT).scalar() if has_history else None
    if has_tables and current is None:
        raise MigrationError(
            f"this program's tables are there, but not what {migrations.VERSION_TABLE} says of their revision: "
            "restore that table, too"
        )
    if current is not None and current > newest_revision():
        raise MigrationError(
            f"it is at migration {current}, and this program knows those up to {newest_revision()}: "
            "use the newer version that migrated it"
        )


def _refuse_missing_schema(connection: Connection) -> None:
    with connection.begin():
        row = connection.exec_driver_sql("SELECT current_schema(), current_setting('search_path'), current_user").one()
    schema, search_path, role = row
    if schema is None:
        raise MigrationError(
            f"no schema of the search_path ({search_path}) exists and may be used by {role}: create it, "
            "grant USAGE on it, or correct schema, currentSchema, search_path or options in DATABASE_URL"
        )


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
    engine = create_async_engine("postgresql+asyncpg://", connect_args=_connect_args(database_url), poolclass=NullPool)
    with _translated():
        async with engine.connect() as connection:
            yield connection


def _connect_args(database_url: str) -> dict[str, object]:
    """Connect like the pool does, and make statements work behind a pooler.

    SQLAlchemy numbers prepared statements; one left in a server session would clash with another client's.
    """

    async def connected(**_: object) -> Session:
        return await open_session(database_url, application_name=APPLICATION_NAME)

    return {
        "async_creator_fn": connected,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": lambda: "",  # asyncpg sends one without a name together with its arguments
    }


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise MigrationError(_server_message(error)) from None
    except (SQLAlchemyError, CommandError) as error:
        raise MigrationError(describe(error)) from None


def _server_message(error: DBAPIError) -> str:
    """Return PostgreSQL's message without the statement, with advice."""
    cause = error.orig.__cause__ if error.orig is not None else None
    if not isinstance(cause, asyncpg.PostgresError):
        return describe(error.orig or error)
    if cause.sqlstate == migrations.REFUSED:
        return str(cause.args[0])
    message = describe(cause)
    if isinstance(cause, _ABOUT_OBJECTS) and cause.detail:
        message += f" ({' '.join(cause.detail.split())})"
    if isinstance(cause, asyncpg.DuplicateTableError):
        message += f" ({_NOT_OURS})"
    if isinstance(cause, asyncpg.LockNotAvailableError):
        message += " (another session uses a table that must change; try again when it is done)"
    return message
