"""What commands about experiments share: the database and the name argument."""

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
    """Return the name if it is valid.

    Raises:
        UsageError: it is not a valid name.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        wants = "letters, digits and ._-, at most 63"
        raise UsageError(f"NAME: '{one_line(name)}' is not a valid name of an experiment; expected: {wants}")
    return name


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of an experiment.", callback=require_name)]


@asynccontextmanager
async def experiments_database() -> AsyncIterator[Connection]:
    """Open the database.

    Raises:
        CommandError: it cannot be used, or the request conflicts with existing experiments.
    """
    try:
        async with database_connection(load(DatabaseSettings)) as connection:
            yield connection
    except ExperimentRefused as error:
        raise CommandError(str(error)) from None
