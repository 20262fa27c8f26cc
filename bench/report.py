"""What a session gives: a table for people, one JSON file for the record."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.machine import describe_machine, describe_versions, load_average
from bench.scenario import Verdict
from bench.session import Result


def document(results: Sequence[Result], *, started_at: datetime, load_before: tuple[float, ...]) -> dict[str, object]:
    """Return all that is needed to judge the figures later."""
    return {
        "started_at": started_at.isoformat(timespec="seconds"),
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "versions": describe_versions(),
        "load_average": {"before": load_before, "after": load_average()},
        "scenarios": [asdict(result) for result in results],
    }


def write_json(path: Path, content: dict[str, object]) -> None:
    """Write the record, whole or not at all."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    unfinished.replace(path)


def print_result(console: Console, result: Result) -> None:
    """Print medians, a row for each figure and a column for each contender, and what became of the aims."""
    names = list(dict.fromkeys(name for figures in result.medians.values() for name in figures))
    runs = len(next(iter(result.runs.values())))
    table = Table(
        "median of " + (f"{runs} runs" if runs > 1 else "one run"), title=f"{result.scenario}: {result.question}"
    )
    for contender in result.medians:
        table.add_column(contender, justify="right")
    for name in names:
        values = (figures.get(name) for figures in result.medians.values())
        table.add_row(name, *("" if value is None else rounded(value) for value in values))
    console.print(table)
    for verdict in result.verdicts:
        console.print(_sentence(verdict), highlight=False)


def rounded(value: float) -> str:
    """Return three significant digits, large numbers whole."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"  # noqa: PLR2004 - four digits


def _sentence(verdict: Verdict) -> str:
    bounds = {"at least": verdict.at_least, "at most": verdict.at_most}
    bound = ", ".join(f"{word} {rounded(value)}" for word, value in bounds.items() if value is not None)
    mark = "[green]met   [/]" if verdict.is_met else "[red]missed[/]"
    return f"  {mark} {verdict.what}: {rounded(verdict.value)} (aim: {bound})"
