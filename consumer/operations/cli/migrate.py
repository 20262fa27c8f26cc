"""`instagram-feed migrate`: upgrade or downgrade the database schema."""

import asyncio
from typing import Annotated

import typer

from consumer.operations.cli.agreement import YesOption, agree
from consumer.operations.cli.errors import EXIT_WRONG_SETTING, CommandError
from consumer.operations.cli.output import say
from consumer.settings import DatabaseSettings, load
from repository.errors import StoreError, WrongDatabaseUrl


def migrate(
    to: Annotated[str, typer.Option(help="Revision to upgrade to.", metavar="REVISION")] = "head",
    down_to: Annotated[
        str | None,
        typer.Option(help="Downgrade to this revision; 'base' for none.", metavar="REVISION"),
    ] = None,
    *,
    yes: YesOption = False,
) -> None:
    """Create or update the tables in DATABASE_URL. Safe when several start at once.

    Downgrading drops the tables and columns added since, with their data: it asks first, or requires --yes.

    Example: instagram-feed migrate
    """
    from repository import migrations  # noqa: PLC0415 - SQLAlchemy is slow to import, and `--help` should not be

    database_url = load(DatabaseSettings).database_url.get_secret_value()
    try:
        if down_to is None:
            done = asyncio.run(migrations.upgrade(database_url, to))
            say(f"applied: {', '.join(done)}" if done else "nothing to do: the schema is up to date")
        else:
            agree(f"Downgrading to {down_to} drops the tables and columns added since, with all data.", yes=yes)
            done = asyncio.run(migrations.downgrade(database_url, down_to))
            say(f"taken back: {', '.join(done)}" if done else "nothing to do")
    except StoreError as error:
        if isinstance(error, WrongDatabaseUrl):
            raise CommandError(f"DATABASE_URL {error}", exit_code=EXIT_WRONG_SETTING) from error
        raise CommandError(f"DATABASE_URL: {error}") from error
