"""A small backlog against a large one, each worked off to its end: memory must not grow with it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from bench.backlog import WARM_UP_ROUNDS, filled_topic
from bench.measuring import Figures, WindowRules
from bench.program import OURS
from bench.scenario import Aim, Medians, Scenario, Trial, Workshop
from bench.site import constant, fresh_site
from bench.window_run import measure_window

BACKLOGS = (10_000, 200_000)
LATENCY_S = 0.2
IN_FLIGHT = 400
LONGEST_S = 3_600.0


def _label(events: int) -> str:
    return f"{events:,} events"


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    yield {_label(events): partial(_worked_off, workshop, events) for events in BACKLOGS}


async def _worked_off(workshop: Workshop, events: int) -> Figures:
    async with (
        filled_topic(workshop, events) as backlog,
        fresh_site(
            workshop.servers,
            template=workshop.template,
            incoming_topic=backlog.topic,
            llm_latency=constant(LATENCY_S),
            max_in_flight=IN_FLIGHT,
        ) as site,
    ):
        rules = WindowRules(WARM_UP_ROUNDS * IN_FLIGHT, events, LONGEST_S)
        return await measure_window(OURS, site, rules, workshop.output_of(OURS.name))


def _peaks_mb(medians: Medians) -> list[float]:
    return [medians[_label(events)]["peak_rss_mb"] for events in BACKLOGS]


def _ratio(medians: Medians) -> float:
    small, large = _peaks_mb(medians)
    return large / small


MEMORY = Scenario(
    name="memory",
    question="Does memory grow with the backlog?",
    contenders=_contenders,
    aims=(
        Aim("peak memory of the larger, MB", lambda medians: max(_peaks_mb(medians)), at_most=150),
        Aim("peak memory with the large backlog, share of the small one's", _ratio, at_least=0.9, at_most=1.1),
    ),
)
