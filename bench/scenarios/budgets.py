"""The saturated backlog with budgets and without: what reserving and booking add to an event, and fair shares, too."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial

from bench.backlog import filled_topic, work_off
from bench.databases import fresh_database, name_of
from bench.program import OURS
from bench.scenario import Aim, Medians, Scenario, Trial, Workshop
from bench.scenarios.saturated import EVENTS, IN_FLIGHT, LATENCY_S
from bench.site import constant
from repository.operations.budget_changes import NewLimit, set_limits
from repository.pool import connection, open_pool
from schemas.budget_period import BudgetPeriod

WITHOUT, WITH, NEITHER = "without", "with", "without fair shares, too"
PLENTY_USD = Decimal(1_000_000)
MOST_TIMES_WITHOUT = 1.05


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with (
        filled_topic(workshop, EVENTS) as backlog,
        fresh_database(workshop.servers.postgres.address, template=workshop.template) as database,
    ):
        await _set_budgets(database)
        budgeting = replace(workshop, template=name_of(database))
        working_off = partial(work_off, program=OURS, backlog=backlog, latency=constant(LATENCY_S), in_flight=IN_FLIGHT)
        yield {
            WITHOUT: partial(working_off, workshop),
            WITH: partial(working_off, budgeting),
            NEITHER: partial(working_off, workshop, settings={"FAIR_SHARES": "false"}),
        }


async def _set_budgets(database: str) -> None:
    """Have a day's and a month's budget that all events fall under, and that hold nothing."""
    pool = await open_pool(database, size=1, application_name="bench")
    try:
        async with connection(pool) as borrowed:
            limits = [NewLimit(period=period, in_tokens=False, limit_usd=PLENTY_USD) for period in BudgetPeriod]
            await set_limits(borrowed, None, limits)
    finally:
        await pool.close()  # a database in use is no template


def _ratio(medians: Medians, to: str) -> float:
    return medians[WITH]["cpu_ms_per_event"] / medians[to]["cpu_ms_per_event"]


BUDGETS = Scenario(
    name="budgets",
    question="Does an event cost more under budgets, and under budgets and fair shares together?",
    contenders=_contenders,
    aims=(
        Aim("CPU per event, times that without budgets", partial(_ratio, to=WITHOUT), at_most=MOST_TIMES_WITHOUT),
        Aim("CPU per event, times that without both", partial(_ratio, to=NEITHER), at_most=MOST_TIMES_WITHOUT),
    ),
)
