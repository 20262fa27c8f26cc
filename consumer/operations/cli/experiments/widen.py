"""`instagram-feed experiments widen`."""

import asyncio
from typing import Annotated

import typer

from consumer.operations.cli.errors import UsageError
from consumer.operations.cli.experiments.database import NameArgument, experiments_database
from consumer.operations.cli.experiments.view import document
from consumer.operations.cli.output import JsonOption, print_json, say
from repository.experiments import Experiment
from repository.operations.experiment_changes import widen_experiment


def widen(
    name: NameArgument,
    share: Annotated[
        float, typer.Argument(metavar="SHARE", help="The new share: larger than the current one, at most 1.")
    ],
    *,
    json: JsonOption = False,
) -> None:
    """Enlarge the share of a running experiment; assigned variants stay.

    Example: instagram-feed experiments widen tone 0.8
    """
    if not 0 < share <= 1:
        raise UsageError(f"SHARE: {share:g} is invalid; expected: a number above 0, at most 1")
    experiment = asyncio.run(_widened(name, share))
    if json:
        print_json(document(experiment))
    else:
        say(f"{name} has a share of {experiment.share:g} now.")


async def _widened(name: str, share: float) -> Experiment:
    async with experiments_database() as connection:
        return await widen_experiment(connection, name, share)
