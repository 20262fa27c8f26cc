"""The database for the time of a command about experiments, and what such commands have in common."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError, UsageError
from consumer.settings import DatabaseSettings, load
from consumer.telemetry.visible_text import one_line
from repository.operations.experiment_changes import NAME_PATTERN, ExperimentRefused
from repository.pool import Connection


def require_name(name: str) -> str:
    """Return a name that an experiment can have.

    Raises:
        UsageError: it can have no such name.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        wants = "letters, digits and ._-, at most 63"
        raise UsageError(f"NAME: '{one_line(name)}' is no name of an experiment; it wants: {wants}")
    return name


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of an experiment.", callback=require_name)]


@asynccontextmanager
async def experiments_database() -> AsyncIterator[Connection]:
    """Open the database.

    Raises:
        CommandError: it cannot be used, or what was asked for does not go with the experiments there.
    """
    try:
        async with database_connection(load(DatabaseSettings)) as connection:
            yield connection
    except ExperimentRefused as error:
        raise CommandError(str(error)) from None
