"""Less work than a core can do: whether every slot is used for as long as a call takes, and no longer."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from bench.backlog import Backlog, filled_topic, work_off
from bench.measuring import Figures
from bench.program import OURS
from bench.scenario import Aim, Scenario, Trial, Workshop

LATENCY_S = 1.0
IN_FLIGHT = (50, 500)
EVENTS = 12_000
LEAST_SHARE_PERCENT = 95


def _label(in_flight: int) -> str:
    return f"{in_flight} in flight"


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with filled_topic(workshop, EVENTS) as backlog:
        yield {_label(in_flight): partial(_share_of_possible, workshop, backlog, in_flight) for in_flight in IN_FLIGHT}


async def _share_of_possible(workshop: Workshop, backlog: Backlog, in_flight: int) -> Figures:
    figures = await work_off(workshop, OURS, backlog, latency_s=LATENCY_S, in_flight=in_flight)
    possible = in_flight / LATENCY_S
    return {"possible_per_s": possible, "possible_percent": 100 * figures["events_per_s"] / possible, **figures}


def _aim(in_flight: int) -> Aim:
    return Aim(
        f"throughput with {in_flight} in flight, percent of in flight / latency",
        lambda medians: medians[_label(in_flight)]["possible_percent"],
        at_least=LEAST_SHARE_PERCENT,
    )


LATENCY_BOUND = Scenario(
    name="latency-bound",
    question=f"How much of in flight / latency is reached when calls take {LATENCY_S:g} s?",
    contenders=_contenders,
    aims=tuple(map(_aim, IN_FLIGHT)),
)
