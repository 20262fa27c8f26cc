"""`python -m bench.performance_page`: recorded sessions put into words in docs/performance.md."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.marked_page import NoSection, put_section
from bench.report import rounded

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
COMPARED = ("events_per_s", "cpu_ms_per_event", "postgres_cpu_ms_per_event", "peak_rss_mb", "machine_busy_percent")

RecordsArgument = Annotated[
    list[Path], typer.Argument(help="JSON files of `python -m bench`; of a scenario in several, the last one counts.")
]
PageOption = Annotated[Path, typer.Option("--page", help="Markdown page with the sections `aims` and `programs`.")]


@app.command()
def write_page(records: RecordsArgument, page: PageOption = Path("docs/performance.md")) -> None:
    """Write the aims with what was measured, and the programs side by side, into a page.

    Example: python -m bench.performance_page saturated.json memory.json --page docs/performance.md
    """
    sessions = [json.loads(path.read_text()) for path in records]
    results = {
        result["scenario"]: {**result, "commit": session["versions"]["git_commit"]}
        for session in sessions
        for result in session["scenarios"]
    }
    try:
        put_section(page, "aims", f"{_made_on(sessions[-1])}\n\n{aims_table(list(results.values()))}")
        if saturated := results.get("saturated"):
            put_section(page, "programs", programs_table(saturated["medians"]))
    except NoSection as error:
        typer.echo(f"performance_page: {error}", err=True)
        raise typer.Exit(1) from None


def aims_table(results: Sequence[Mapping[str, Any]]) -> str:
    """Build one row for each aim of each scenario."""
    return "\n".join(
        ["| scenario | what | measured | aim | runs | commit |", "|---|---|--:|--:|--:|---|", *_aim_rows(results)]
    )


def _aim_rows(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for result in results:
        runs = len(next(iter(result["runs"].values())))
        for verdict in result["verdicts"]:
            value = rounded(verdict["value"])
            measured = value if verdict["is_met"] else f"**{value}**, missed"
            cells = result["scenario"], verdict["what"], measured, _bounds(verdict), runs, f"`{result['commit']}`"
            yield f"| {' | '.join(map(str, cells))} |"


def _bounds(verdict: Mapping[str, Any]) -> str:
    signs = {"at_least": "≥", "at_most": "≤"}
    return ", ".join(f"{sign} {rounded(verdict[bound])}" for bound, sign in signs.items() if verdict[bound] is not None)


def programs_table(medians: Mapping[str, Mapping[str, float]]) -> str:
    """Build one row for each program."""
    rows = (f"| {name} | {' | '.join(rounded(figures[of]) for of in COMPARED)} |" for name, figures in medians.items())
    return "\n".join([f"| program | {' | '.join(COMPARED)} |", f"|---{'|--:' * len(COMPARED)}|", *rows])


def _made_on(session: Mapping[str, Any]) -> str:
    machine, versions = session["machine"], session["versions"]
    return (
        f"{session['ended_at'][:10]}, Python {versions['python']}, "
        f"{machine['cores']} cores ({machine['cpu']}), {machine['kernel']}, "
        f"{machine['huge_pages_gb']:g} GB of huge pages; "
        f"load average before {session['load_average']['before'][0]:.2f}."
    )


if __name__ == "__main__":
    app()
