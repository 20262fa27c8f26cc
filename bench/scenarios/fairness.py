"""The saturated backlog, of 200 tenants, with fair shares and without: what fairness costs when all of it waits."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from bench.backlog import filled_topic, work_off
from bench.program import OURS
from bench.scenario import Aim, Medians, Scenario, Trial, Workshop
from bench.scenarios.saturated import EVENTS, IN_FLIGHT, LATENCY_S
from bench.site import constant

FAIR, UNFAIR = "fair", "unfair"


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with filled_topic(workshop, EVENTS) as backlog:
        working_off = partial(work_off, workshop, OURS, backlog, latency=constant(LATENCY_S), in_flight=IN_FLIGHT)
        yield {
            name: partial(working_off, settings={"FAIR_SHARES": is_fair})
            for name, is_fair in ((FAIR, "true"), (UNFAIR, "false"))
        }


def _ratio(medians: Medians, figure: str) -> float:
    return medians[FAIR][figure] / medians[UNFAIR][figure]


FAIRNESS = Scenario(
    name="fairness",
    question="What do fair shares cost while all of a backlog waits?",
    contenders=_contenders,
    aims=(
        Aim("events per second, times those without", partial(_ratio, figure="events_per_s"), at_least=0.97),
        Aim("CPU per event, times that without", partial(_ratio, figure="cpu_ms_per_event"), at_most=1.05),
    ),
)
