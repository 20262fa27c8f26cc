"""`python -m bench`: the consumer measured beside other programs, on real servers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.machine import load_average
from bench.measuring import NoWindow
from bench.program import PROGRAMS, ProgramEnded
from bench.progress import end_on_sigterm, say
from bench.report import document, print_result, write_json
from bench.scenario import Scenario, Workshop
from bench.scenarios import SCENARIOS
from bench.session import Result, open_workshop, run_scenario
from devstack.errors import StackError

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

ScenariosOption = Annotated[
    str, typer.Option("--scenario", help=f"Which, separated by commas: {', '.join(SCENARIOS)}; or `all`.")
]
ProgramsOption = Annotated[
    str,
    typer.Option(help=f"Which take part in `saturated`: {', '.join(PROGRAMS)}; or `all`."),
]
RunsOption = Annotated[int, typer.Option(min=1, help="Rounds; medians are reported, so take an odd number.")]
WindowOption = Annotated[float, typer.Option("--window-s", min=1, help="Longest measured stretch of a run, seconds.")]
FeedsOption = Annotated[
    int, typer.Option("--feeds", min=1_000, help="Posts in the full database of `full-database`; 5,000,000 take 10 GB.")
]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write all runs, machine and versions to this file.")]
OutputOption = Annotated[Path | None, typer.Option("--output", help="Keep the programs' output in this folder.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would run, and run nothing.")]


@app.command()
def bench(
    *,
    scenario: ScenariosOption = "saturated",
    programs: ProgramsOption = "all",
    runs: RunsOption = 5,
    window_s: WindowOption = 10.0,
    feeds: FeedsOption = 5_000_000,
    json_file: JsonOption = None,
    output: OutputOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Measure the consumer on a broker, a database and a simulated LLM of this session's own.

    Programs run as processes one after the other, in rounds. CPU, memory and completions are read from
    outside: /proc, the broker's end offsets, the rows of the database. Progress goes to standard error.
    Other work on the machine makes every figure worse: the load before and after is in the JSON.

    Example: python -m bench --scenario saturated --programs ours,floor --runs 3 --json saturated.json
    """
    wanted = [SCENARIOS[name] for name in _chosen(scenario, SCENARIOS, "--scenario")]
    contending = [PROGRAMS[name] for name in _chosen(programs, PROGRAMS, "--programs")]
    if dry_run:
        for one in wanted:
            typer.echo(f"{one.name}: {one.question}")
        return
    started_at, load_before = datetime.now(UTC), load_average()
    results: list[Result] = []
    try:
        opening = partial(open_workshop, contending, window_s=window_s, stored_feeds=feeds, keep=output, report=say)
        asyncio.run(_measure(wanted, opening, runs, results))
    except (NoWindow, ProgramEnded, StackError) as error:
        typer.echo(f"bench: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(EXIT_INTERRUPTED) from None
    finally:
        if json_file and results:
            write_json(json_file, document(results, started_at=started_at, load_before=load_before))


async def _measure(
    scenarios: Sequence[Scenario],
    opening: Callable[[], AbstractAsyncContextManager[Workshop]],
    runs: int,
    results: list[Result],
) -> None:
    end_on_sigterm()
    console = Console()
    async with opening() as workshop:
        for scenario in scenarios:
            results.append(await run_scenario(scenario, workshop, runs=runs))
            print_result(console, results[-1])


def _chosen(text: str, known: Mapping[str, object], option: str) -> list[str]:
    names = list(known) if text == "all" else [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"{', '.join(unknown)} is none of: {', '.join(known)}", param_hint=option)
    return names


if __name__ == "__main__":
    app()
