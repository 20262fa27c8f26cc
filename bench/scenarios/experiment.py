"""The saturated backlog with an experiment running and without: what the variants add to an event."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from bench.backlog import filled_topic, work_off
from bench.databases import fresh_database, name_of
from bench.program import OURS
from bench.scenario import Aim, Scenario, Trial, Workshop
from bench.scenarios.saturated import EVENTS, IN_FLIGHT, LATENCY_S
from bench.site import constant
from repository.experiments import Variant
from repository.operations.experiment_changes import NewExperiment, create_experiment, start_experiment
from repository.pool import connection, open_pool
from schemas.experiments import AssignmentUnit

WITHOUT, WITH = "without", "with"
NAME = "same-twice"
MOST_TIMES_WITHOUT = 1.03


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with (
        filled_topic(workshop, EVENTS) as backlog,
        fresh_database(workshop.servers.postgres.address, template=workshop.template) as database,
    ):
        await _start_experiment(database)
        experimenting = replace(workshop, template=name_of(database))
        working_off = partial(work_off, program=OURS, backlog=backlog, latency=constant(LATENCY_S), in_flight=IN_FLIGHT)
        yield {WITHOUT: partial(working_off, workshop), WITH: partial(working_off, experimenting)}


async def _start_experiment(database: str) -> None:
    """Have an experiment run for all events; its two variants are asked the same of the same model."""
    pool = await open_pool(database, size=1, application_name="bench")
    try:
        async with connection(pool) as borrowed:
            await create_experiment(borrowed, _halves())
            await start_experiment(borrowed, NAME)
    finally:
        await pool.close()  # a database in use is no template


def _halves() -> NewExperiment:
    return NewExperiment(
        name=NAME,
        unit=AssignmentUnit.OVERLAY,
        share=1.0,
        minimal_effect=None,
        variants=[_half("control"), _half("other")],
        tenants=[],
    )


def _half(variant: str) -> Variant:
    return Variant(variant=variant, weight=0.5)


EXPERIMENT = Scenario(
    name="experiment",
    question="Does an event cost more when an experiment is running?",
    contenders=_contenders,
    aims=(
        Aim(
            "CPU per event, times that without an experiment",
            lambda medians: medians[WITH]["cpu_ms_per_event"] / medians[WITHOUT]["cpu_ms_per_event"],
            at_most=MOST_TIMES_WITHOUT,
        ),
    ),
)
