"""A second process joins, leaves, joins again and is killed: how long nothing is completed meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise

from bench.backlog import Backlog, filled_topic
from bench.measuring import MS_PER_S, Figures, longest_gap
from bench.program import OURS, RunningProgram, running
from bench.scenario import Scenario, Trial, Workshop
from bench.site import Site, fresh_site
from bench.topics import RecordCount, record_times_ms, until_count

# Calls of different length: with a constant one, those that began together would end together, a second apart.
LATENCY = "lognormal:0.8:0.4"
IN_FLIGHT = 160
EVENTS = 26_000
WARM_UP_EVENTS = 600
PHASE_S = 8.0
PHASES = ("alone", "joining", "leaving", "joining_again", "killed")


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with filled_topic(workshop, EVENTS) as backlog:
        yield {"ours": partial(_gaps, workshop, backlog)}


async def _gaps(workshop: Workshop, backlog: Backlog) -> Figures:
    """Find the longest gap in the completions of both processes: before, and from each start and end of the second on.

    A phase lasts until the next one begins.
    """
    async with (
        fresh_site(
            workshop.servers,
            template=workshop.template,
            incoming_topic=backlog.topic,
            llm_latency=LATENCY,
            max_in_flight=IN_FLIGHT,
        ) as site,
        RecordCount(site.bootstrap_servers, site.created_topic) as created,
    ):
        async with running(OURS, site.environment, workshop.output_of("first")) as first:
            await until_count(created, WARM_UP_EVENTS, first.require_running)
            edges_ms = await _join_and_leave(workshop, site, first)
        completed_ms = list((await record_times_ms(site.bootstrap_servers, site.created_topic)).values())
    gaps = {}
    for phase, (begin, end) in zip(PHASES, pairwise(edges_ms), strict=True):
        gaps[f"longest_gap_{phase}_ms"] = longest_gap([at for at in completed_ms if begin <= at <= end])
    return gaps


async def _join_and_leave(workshop: Workshop, site: Site, first: RunningProgram) -> list[float]:
    """Return when each phase began and the last one ended, in ms of the wall clock."""
    edges_ms = [_now_ms()]
    await asyncio.sleep(PHASE_S)
    for is_killed in (False, True):
        edges_ms.append(_now_ms())
        async with running(OURS, site.environment, workshop.output_of("second")) as second:
            await asyncio.sleep(PHASE_S)
            second.require_running()
            edges_ms.append(_now_ms())
            if is_killed:
                second.kill()
        await asyncio.sleep(PHASE_S)
        first.require_running()
    return [*edges_ms, _now_ms()]


def _now_ms() -> float:
    return time.time() * MS_PER_S


REBALANCE = Scenario(
    name="rebalance",
    question=f"How long is nothing completed when a second process comes, goes or dies ({LATENCY}, {IN_FLIGHT} each)?",
    contenders=_contenders,
)
