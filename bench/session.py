"""A session: servers once, then scenario after scenario, its contenders taking turns."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.databases import fresh_database, name_of
from bench.measuring import Figures, medians
from bench.program import Program
from bench.scenario import Scenario, Trial, Verdict, Workshop
from bench.servers import running_servers
from devstack.report import Report
from repository import migrations


@dataclass(frozen=True, slots=True)
class Result:
    """All runs of one scenario, their medians and how they stand to its aims."""

    scenario: str
    question: str
    runs: dict[str, list[Figures]]
    medians: dict[str, Figures]
    verdicts: list[Verdict]


@asynccontextmanager
async def open_workshop(
    programs: Sequence[Program], *, window_s: float, stored_feeds: int = 0, keep: Path | None = None, report: Report
) -> AsyncIterator[Workshop]:
    """Start the servers and make the template database. With `keep` the programs' output stays in that folder.

    Raises:
        StackError: a server cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="instagram-feed-bench-") as scratch:
        output = keep or Path(scratch)
        output.mkdir(parents=True, exist_ok=True)
        async with (
            running_servers(Path(scratch), report=report) as servers,
            fresh_database(servers.postgres.address) as template_url,
        ):
            await migrations.upgrade(template_url)
            yield Workshop(servers, name_of(template_url), output, programs, window_s, stored_feeds, report)


async def run_scenario(scenario: Scenario, workshop: Workshop, *, runs: int) -> Result:
    """Run each contender `runs` times, one after the other in each round, so that slow moments hit all alike.

    Raises:
        NoWindow: a contender completed too little to be measured.
        ProgramEnded: a program ended by itself.
    """
    async with scenario.contenders(workshop) as contenders:
        figures: dict[str, list[Figures]] = {name: [] for name in contenders}
        for number in range(1, runs + 1):
            for name, trial in contenders.items():
                workshop.report(f"{scenario.name}: round {number} of {runs}, {name}")
                figures[name].append(await _reported(trial, workshop.report))
    middle: dict[str, Figures] = {name: medians(of_one) for name, of_one in figures.items()}
    verdicts = [verdict for aim in scenario.aims if (verdict := aim.verdict(middle))]
    return Result(scenario.name, scenario.question, figures, middle, verdicts)


async def _reported(trial: Trial, report: Report) -> Figures:
    figures = await trial()
    report("    " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
    return figures
