"""A topic full of events that programs work off, and one measured run on it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from bench.databases import count_feeds
from bench.events import overlay_events
from bench.measuring import NoWindow, WindowRules
from bench.program import Program
from bench.scenario import Workshop
from bench.site import fresh_site
from bench.topics import existing_topics, fill
from bench.window_run import measure_window

PARTITIONS = 12
LEAST_WARM_UP = 10
WARM_UP_ROUNDS = 3  # every slot has been used this often before the window begins
SEED = 1


@dataclass(frozen=True, slots=True)
class Backlog:
    """A topic and how many events are in it."""

    topic: str
    events: int


@asynccontextmanager
async def filled_topic(
    workshop: Workshop, events: int, *, partitions: int = PARTITIONS, seed: int = SEED
) -> AsyncIterator[Backlog]:
    """Yield a topic with that many events, deleted after the block."""
    topic, servers = f"overlay.{uuid4().hex[:12]}", workshop.servers.kafka.address
    async with existing_topics(servers, [topic], partitions=partitions):
        workshop.report(f"writing {events:,} events to {partitions} partition{'s' if partitions > 1 else ''}")
        await fill(servers, topic, overlay_events(events, seed=seed))
        yield Backlog(topic, events)


def rules_for(in_flight: int, backlog: Backlog, window_s: float) -> WindowRules:
    """Return a window after the warm-up and before the calls in flight get fewer."""
    warm_up = max(LEAST_WARM_UP, WARM_UP_ROUNDS * in_flight)
    return WindowRules(warm_up, backlog.events - 2 * in_flight, window_s, round_size=in_flight)


async def work_off(
    workshop: Workshop,
    program: Program,
    backlog: Backlog,
    *,
    latency: str,
    in_flight: int,
    database: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Measure one program on a backlog that is new to it; `settings` are added to its environment.

    Raises:
        NoWindow: it announced more posts than it stored, or completed too little.
        ProgramEnded: it ended by itself.
    """
    calls = program.in_flight or in_flight
    async with fresh_site(
        workshop.servers,
        template=workshop.template,
        incoming_topic=backlog.topic,
        llm_latency=latency,
        max_in_flight=calls,
        database=database,
    ) as site:
        site.environment.update(settings or {})
        stored_before = await count_feeds(site.database_url)
        rules = rules_for(calls, backlog, workshop.window_s)
        figures = await measure_window(program, site, rules, workshop.output_of(program.name))
        if await count_feeds(site.database_url) - stored_before < figures["measured_events"]:
            raise NoWindow(f"{program.name} announced posts that it has not stored")
        return figures
