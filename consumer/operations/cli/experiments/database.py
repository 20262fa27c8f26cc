"""The database for the time of a command about experiments, and what such commands have in common."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError
from consumer.settings import DatabaseSettings, load
from repository.operations.experiment_changes import ExperimentRefused
from repository.pool import Connection

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of an experiment.")]


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
