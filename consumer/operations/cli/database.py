"""A database connection for a command, with one-line errors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consumer.operations.cli.errors import EXIT_WRONG_SETTING, CommandError
from consumer.settings import DatabaseSettings
from repository.errors import StoreError, StoreUnavailable, WrongDatabaseUrl
from repository.pool import Connection, connection, open_pool

APPLICATION_NAME = "instagram-feed"


@asynccontextmanager
async def database_connection(settings: DatabaseSettings) -> AsyncIterator[Connection]:
    """Open one connection, also to a replica, where changes fail with an error that says so.

    Raises:
        CommandError: the database does not answer, or is not migrated.
    """
    try:
        pool = await open_pool(
            settings.database_url.get_secret_value(),
            size=1,
            application_name=APPLICATION_NAME,
            pooler=settings.database_pooler,
            must_write=False,
        )
        try:
            async with connection(pool) as borrowed:
                yield borrowed
        finally:
            pool.terminate()
    except StoreError as error:
        raise database_error(error) from error


def database_error(error: StoreError) -> CommandError:
    """Return the error line for a command."""
    if isinstance(error, WrongDatabaseUrl):
        return CommandError(f"DATABASE_URL {error}", exit_code=EXIT_WRONG_SETTING)
    if isinstance(error, StoreUnavailable):
        return CommandError(f"DATABASE_URL: {error}")
    advice = " (is it migrated? `instagram-feed migrate`)" if error.sqlstate in _UNDEFINED else ""
    return CommandError(f"the database refuses: {error}{advice}")


_UNDEFINED = {"42P01", "42703", "42883"}  # table, column, function
