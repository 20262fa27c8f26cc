"""`instagram-feed experiments show`: one experiment with its assignment and number of requests."""

import asyncio
from collections.abc import Mapping

from consumer.operations.cli.experiments.database import NameArgument, experiments_database
from consumer.operations.cli.experiments.view import document, print_experiment
from consumer.operations.cli.output import JsonOption, print_json
from repository.experiments import Experiment
from repository.operations.experiment_changes import VariantCount, count_by_variant, find_experiment


def show(name: NameArgument, *, json: JsonOption = False) -> None:
    """Show an experiment: its variants, their buckets, and the number of requests of each.

    With hashVersion, seed and ranges any GrowthBook SDK computes the same assignment.

    Example: instagram-feed experiments show tone
    """
    experiment, counts = asyncio.run(_found(name))
    if json:
        shown = document(experiment)
        for variant in shown["variants"]:
            count = counts.get(variant["variant"])
            variant |= {"requests": count.requests if count else 0, "posts": count.posts if count else 0}
        print_json(shown)
    else:
        print_experiment(experiment, counts)


async def _found(name: str) -> tuple[Experiment, Mapping[str, VariantCount]]:
    async with experiments_database() as connection:
        experiment = await find_experiment(connection, name)
        return experiment, await count_by_variant(connection, experiment.experiment_id)
