"""From the start of the process to its first post."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from bench.backlog import Backlog, filled_topic
from bench.measuring import Figures
from bench.program import Program, running
from bench.scenario import Scenario, Trial, Workshop
from bench.site import constant, fresh_site
from bench.topics import RecordCount, until_count

EVENTS = 100
LATENCY_S = 0.2


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with filled_topic(workshop, EVENTS) as backlog:
        yield {program.name: partial(_first_event, workshop, backlog, program) for program in workshop.programs}


async def _first_event(workshop: Workshop, backlog: Backlog, program: Program) -> Figures:
    async with (
        fresh_site(
            workshop.servers,
            template=workshop.template,
            incoming_topic=backlog.topic,
            llm_latency=constant(LATENCY_S),
            max_in_flight=program.in_flight or EVENTS,
        ) as site,
        RecordCount(site.bootstrap_servers, site.created_topic) as created,
    ):
        started_s = time.perf_counter()
        async with running(program, site.environment, workshop.output_of(program.name)) as process:
            first_s = await until_count(created, 1, process.require_running) - started_s
            return {"first_event_s": first_s, "cpu_s": process.cpu_s(), "peak_rss_mb": process.peak_rss_mb()}


START = Scenario(
    name="start",
    question=f"How long from start to the first post, a call of {LATENCY_S} s included?",
    contenders=_contenders,
)
