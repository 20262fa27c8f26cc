"""More work than a core can do: what one event costs in CPU, beside the other programs."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from bench.backlog import filled_topic, work_off
from bench.scenario import Aim, Medians, Scenario, Trial, Workshop
from bench.site import constant

EVENTS = 24_000
LATENCY_S = 0.2
IN_FLIGHT = 400


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with filled_topic(workshop, EVENTS) as backlog:
        working_off = partial(work_off, workshop, latency=constant(LATENCY_S), in_flight=IN_FLIGHT)
        yield {program.name: partial(working_off, program, backlog) for program in workshop.programs}


def _cpu_ms(medians: Medians, program: str) -> float:
    return medians[program]["cpu_ms_per_event"]


SATURATED = Scenario(
    name="saturated",
    question=f"What does an event cost when calls take {LATENCY_S} s and {IN_FLIGHT} may be in flight?",
    contenders=_contenders,
    aims=(
        Aim("CPU per event, ms", lambda medians: _cpu_ms(medians, "ours"), at_most=0.8),
        Aim(
            "CPU per event, share of FastStream's",
            lambda medians: _cpu_ms(medians, "ours") / _cpu_ms(medians, "faststream"),
            at_most=1 / 6,
        ),
        Aim(
            "CPU per event, times the floor's",
            lambda medians: _cpu_ms(medians, "ours") / _cpu_ms(medians, "floor"),
            at_most=2,
        ),
        Aim("events per second from one process", lambda medians: medians["ours"]["events_per_s"], at_least=500),
        Aim("peak memory, MB", lambda medians: medians["ours"]["peak_rss_mb"], at_most=150),
    ),
)
