"""Less work than a core can do: whether every slot is used for as long as a call takes, and no longer."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from itertools import product

from bench.backlog import Backlog, filled_topic, work_off
from bench.measuring import Figures
from bench.program import OURS
from bench.scenario import Aim, Scenario, Trial, Workshop

MEAN_LATENCY_S = 1.0
# With a constant latency all calls begin and end together, and what each end costs in CPU, the simulated LLM's
# included, adds to every round. Calls of a real provider are spread, here with the same mean.
LATENCIES = {"": "constant:1", ", spread": "lognormal:0.9560:0.3"}
IN_FLIGHT = (50, 500)
EVENTS = 12_000
LEAST_SHARE_PERCENT = 95


def _label(in_flight: int, spread: str) -> str:
    return f"{in_flight} in flight{spread}"


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with filled_topic(workshop, EVENTS) as backlog:
        yield {
            _label(in_flight, spread): partial(_share_of_possible, workshop, backlog, in_flight, LATENCIES[spread])
            for in_flight, spread in product(IN_FLIGHT, LATENCIES)
        }


async def _share_of_possible(workshop: Workshop, backlog: Backlog, in_flight: int, latency: str) -> Figures:
    figures = await work_off(workshop, OURS, backlog, latency=latency, in_flight=in_flight)
    possible = in_flight / MEAN_LATENCY_S
    return {"possible_per_s": possible, "possible_percent": 100 * figures["events_per_s"] / possible, **figures}


def _aim(in_flight: int, spread: str) -> Aim:
    label = _label(in_flight, spread)
    return Aim(
        f"throughput with {label}, percent of in flight / latency",
        lambda medians: medians[label]["possible_percent"],
        at_least=LEAST_SHARE_PERCENT,
    )


LATENCY_BOUND = Scenario(
    name="latency-bound",
    question=f"How much of in flight / latency is reached when calls take {MEAN_LATENCY_S:g} s?",
    contenders=_contenders,
    aims=tuple(_aim(in_flight, spread) for in_flight, spread in product(IN_FLIGHT, LATENCIES)),
)
