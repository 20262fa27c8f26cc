"""`instagram-feed migrate`: bring the database's schema up to date, or back."""

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
        typer.Option(help="Take back the revisions after this one; 'base' for all.", metavar="REVISION"),
    ] = None,
    *,
    yes: YesOption = False,
) -> None:
    """Create or update the tables in DATABASE_URL. Safe when several start at once.

    Taking revisions back drops what they added, data too: it asks first, or wants --yes.

    Example: instagram-feed migrate
    """
    from repository import migrations  # noqa: PLC0415 - SQLAlchemy takes its time, which `--help` should not

    database_url = load(DatabaseSettings).database_url.get_secret_value()
    try:
        if down_to is None:
            done = asyncio.run(migrations.upgrade(database_url, to))
            say(f"applied: {', '.join(done)}" if done else "nothing to do: the schema is up to date")
        else:
            agree(f"Taking back all revisions after {down_to} drops their tables and columns with all data.", yes=yes)
            done = asyncio.run(migrations.downgrade(database_url, down_to))
            say(f"taken back: {', '.join(done)}" if done else "nothing to do")
    except StoreError as error:
        if isinstance(error, WrongDatabaseUrl):
            raise CommandError(f"DATABASE_URL {error}", exit_code=EXIT_WRONG_SETTING) from error
        raise CommandError(f"DATABASE_URL: {error}") from error
