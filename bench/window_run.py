"""One measured run: a program works on a backlog while its counters are sampled from outside."""

import asyncio
import time
from pathlib import Path

from bench.measuring import NoWindow, Sample, WindowRules, rates
from bench.os_figures import cores, machine_busy_s
from bench.program import Program, RunningProgram, running
from bench.site import Site
from bench.topics import Count, RecordCount

SAMPLE_S = 0.1
STALLED_S = 60.0


async def measure_window(program: Program, site: Site, rules: WindowRules, output: Path) -> dict[str, float]:
    """Run a program until the window over its created events is over. Returns `rates` and its peak memory.

    Raises:
        ProgramEnded: it ended by itself.
        NoWindow: it completed too little.
    """
    async with (
        RecordCount(site.bootstrap_servers, site.created_topic) as created,
        running(program, site.environment, output) as process,
    ):
        return await window_figures(process, created, site, rules)


async def window_figures(process: RunningProgram, completed: Count, site: Site, rules: WindowRules) -> dict[str, float]:
    """Sample a running program until the window over `completed` is over. Returns `rates` and its peak memory.

    Raises:
        ProgramEnded: it ended by itself.
        NoWindow: it completed too little.
    """
    samples = [await sample(process, completed, site)]
    while not rules.is_over(samples):
        await asyncio.sleep(SAMPLE_S)
        process.require_running()
        samples.append(await sample(process, completed, site))
        _require_progress(samples)
    first, last = rules.window(samples)
    return {**rates(first, last, cores=cores()), "peak_rss_mb": process.peak_rss_mb()}


async def sample(process: RunningProgram, count: Count, site: Site) -> Sample:
    """Read all counters at once."""
    completed = await count.read()
    return Sample(time.perf_counter(), completed, process.cpu_s(), site.servers.postgres_cpu_s(), machine_busy_s())


def _require_progress(samples: list[Sample]) -> None:
    reached = next(sample for sample in samples if sample.completed == samples[-1].completed)
    if samples[-1].at_s - reached.at_s > STALLED_S:
        raise NoWindow(f"nothing completed for {STALLED_S:g} s, {reached.completed} before that")
