"""The database for the time of a command, with errors that fit on one line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consumer.operations.cli.errors import CommandError
from consumer.settings import DatabaseSettings
from repository.errors import StoreError, StoreUnavailable
from repository.pool import Connection, connection, open_pool

APPLICATION_NAME = "instagram-feed"


@asynccontextmanager
async def database_connection(settings: DatabaseSettings) -> AsyncIterator[Connection]:
    """One connection.

    Raises:
        CommandError: the database does not answer, or its tables are not those of this program.
    """
    try:
        pool = await open_pool(settings.database_url.get_secret_value(), size=1, application_name=APPLICATION_NAME)
        try:
            async with connection(pool) as borrowed:
                yield borrowed
        finally:
            pool.terminate()
    except StoreUnavailable as error:
        raise CommandError(f"DATABASE_URL: {error}") from error
    except StoreError as error:
        raise CommandError(f"the database refuses: {error} (is it migrated? `instagram-feed migrate`)") from error
