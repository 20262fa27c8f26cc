"""What fair shares cost: with a backlog of 200 tenants that waits, and in a steady stream in which nobody does."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from bench.backlog import filled_topic, work_off
from bench.program import OURS
from bench.scenario import Aim, Medians, Scenario, Trial, Workshop
from bench.scenarios.saturated import EVENTS, IN_FLIGHT, LATENCY_S
from bench.scenarios.steady import added_time
from bench.site import constant

FAIR, UNFAIR = "fair", "unfair"
STEADY, STEADY_UNFAIR = "nobody waits, fair", "nobody waits, unfair"


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with filled_topic(workshop, EVENTS) as backlog:
        working_off = partial(work_off, workshop, OURS, backlog, latency=constant(LATENCY_S), in_flight=IN_FLIGHT)
        on, off = {"FAIR_SHARES": "true"}, {"FAIR_SHARES": "false"}
        yield {
            FAIR: partial(working_off, settings=on),
            UNFAIR: partial(working_off, settings=off),
            STEADY: partial(added_time, workshop, on),
            STEADY_UNFAIR: partial(added_time, workshop, off),
        }


def _ratio(medians: Medians, figure: str, fair: str = FAIR, unfair: str = UNFAIR) -> float:
    return medians[fair][figure] / medians[unfair][figure]


FAIRNESS = Scenario(
    name="fairness",
    question="What do fair shares cost while all of a backlog waits, and while nobody does?",
    contenders=_contenders,
    aims=(
        Aim("events per second, times those without", partial(_ratio, figure="events_per_s"), at_least=0.97),
        Aim("CPU per event, times that without", partial(_ratio, figure="cpu_ms_per_event"), at_most=1.05),
        Aim(
            "CPU per event while nobody waits, times that without",
            partial(_ratio, figure="cpu_ms_per_event", fair=STEADY, unfair=STEADY_UNFAIR),
            at_most=1.05,
        ),
        Aim(
            "added time while nobody waits, median, beyond that without, ms",
            lambda medians: medians[STEADY]["added_ms_p50"] - medians[STEADY_UNFAIR]["added_ms_p50"],
            at_most=1,
        ),
    ),
)
