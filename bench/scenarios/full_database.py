"""Years of posts against an empty database: an event must not get more expensive."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

from bench.backlog import filled_topic, work_off
from bench.databases import fresh_database
from bench.filled_database import fill_with_feeds
from bench.measuring import Figures
from bench.program import OURS
from bench.scenario import Aim, Medians, Scenario, Trial, Workshop
from bench.site import constant

EVENTS = 16_000
LATENCY = constant(0.2)
IN_FLIGHT = 400
MOST_TIMES_EMPTY = 1.15
EMPTY, FULL = "empty", "full"


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    """Yield both databases for all runs: to drop one forces a checkpoint, whose cost the other would then bear."""
    server = workshop.servers.postgres.address
    async with (
        fresh_database(server, template=workshop.template) as empty,
        fresh_database(server, template=workshop.template) as full,
    ):
        workshop.report(f"filling a database with {workshop.stored_feeds:,} posts")
        await fill_with_feeds(full, workshop.stored_feeds, report=workshop.report)
        seeds = count(1)
        yield {
            EMPTY: partial(_new_events, workshop, seeds, empty),
            FULL: partial(_new_events, workshop, seeds, full),
        }


async def _new_events(workshop: Workshop, seeds: "count[int]", database: str) -> Figures:
    """Work off events that no run before has had."""
    async with filled_topic(workshop, EVENTS, seed=next(seeds)) as backlog:
        return await work_off(workshop, OURS, backlog, latency=LATENCY, in_flight=IN_FLIGHT, database=database)


def _ratio(medians: Medians, figure: str) -> float:
    return medians[FULL][figure] / medians[EMPTY][figure]


FULL_DATABASE = Scenario(
    name="full-database",
    question="Does an event cost more when the database is full?",
    contenders=_contenders,
    aims=(
        Aim(
            "the consumer's CPU per event, times that with an empty database",
            partial(_ratio, figure="cpu_ms_per_event"),
            at_most=MOST_TIMES_EMPTY,
        ),
        Aim(
            "PostgreSQL's CPU per event, times that with an empty database",
            partial(_ratio, figure="postgres_cpu_ms_per_event"),
            at_most=MOST_TIMES_EMPTY,
        ),
    ),
)
