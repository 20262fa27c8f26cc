"""`instagram-feed experiments stop`."""

import asyncio

from consumer.operations.cli.experiments.database import NameArgument, experiments_database
from consumer.operations.cli.experiments.view import document
from consumer.operations.cli.output import JsonOption, print_json, say
from repository.experiments import Experiment
from repository.operations.experiment_changes import stop_experiment


def stop(name: NameArgument, *, json: JsonOption = False) -> None:
    """Stop a running experiment for good. Requests keep their variants; within a minute new ones get none.

    Example: instagram-feed experiments stop tone
    """
    experiment = asyncio.run(_stopped(name))
    if json:
        print_json(document(experiment))
    else:
        say(f"{name} is stopped.")


async def _stopped(name: str) -> Experiment:
    async with experiments_database() as connection:
        return await stop_experiment(connection, name)
