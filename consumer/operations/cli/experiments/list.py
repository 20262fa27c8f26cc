"""`instagram-feed experiments list`."""

import asyncio

from consumer.operations.cli.experiments.database import experiments_database
from consumer.operations.cli.experiments.view import document, experiments_table
from consumer.operations.cli.output import JsonOption, print_json, say
from consumer.operations.cli.tables import WideOption, print_table
from repository.experiments import Experiment
from repository.operations.experiment_changes import all_experiments


def list_(*, wide: WideOption = False, json: JsonOption = False) -> None:
    """List experiments, newest first.

    Example: instagram-feed experiments list
    """
    found = asyncio.run(_all())
    if json:
        print_json([document(experiment) for experiment in found])
    elif found:
        print_table(experiments_table(found), wide=wide)
    else:
        say("No experiments.")


async def _all() -> list[Experiment]:
    async with experiments_database() as connection:
        return await all_experiments(connection)
