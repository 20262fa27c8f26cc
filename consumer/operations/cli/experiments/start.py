"""`instagram-feed experiments start`."""

import asyncio

from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.experiments.database import NameArgument, experiments_database
from consumer.operations.cli.experiments.view import document
from consumer.operations.cli.output import JsonOption, print_json, say
from repository.experiments import Experiment
from repository.llm_models import models_by_id
from repository.operations.experiment_changes import find_experiment, start_experiment
from repository.pool import Connection
from schemas.experiments import AssignmentUnit


def start(name: NameArgument, *, json: JsonOption = False) -> None:
    """Start a draft: running consumers apply it within a minute, to new overlays.

    A tenant has one running experiment at a time. A running one can only be widened or stopped.

    Example: instagram-feed experiments start tone
    """
    experiment = asyncio.run(_started(name))
    if json:
        print_json(document(experiment))
    else:
        say(f"{name} is running for {_whom(experiment)}, with {experiment.share:.0%} of {_units(experiment)} in it.")


def _whom(experiment: Experiment) -> str:
    count = len(experiment.tenants)
    return "1 tenant" if count == 1 else f"{count:,} tenants" if count else "all tenants"


def _units(experiment: Experiment) -> str:
    return "their overlays" if experiment.unit is AssignmentUnit.OVERLAY else "them"


async def _started(name: str) -> Experiment:
    async with experiments_database() as connection:
        await _require_models(connection, await find_experiment(connection, name))
        return await start_experiment(connection, name)


async def _require_models(connection: Connection, experiment: Experiment) -> None:
    ids = {variant.llm_model_id for variant in experiment.variants if variant.llm_model_id}
    models = await models_by_id(connection, ids)
    for variant in experiment.variants:
        model = models.get(variant.llm_model_id) if variant.llm_model_id else None
        if model and not model.is_active:
            raise CommandError(
                f"{variant.variant}: model {model.full_name} is inactive: "
                f"`instagram-feed models activate {model.full_name}`"
            )
