"""What commands print: results on standard output, for people or, as JSON, for scripts.

Untrusted texts (of shops, models, producers) are made harmless here, in one place: control characters, direction
overrides and spreadsheet formulas are made visible.
"""

import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from consumer.operations.cli.errors import UsageError
from consumer.telemetry.visible_text import visible, visible_json
from schemas.wire_types import plain_decimal, rfc3339

WIDTH_IN_A_PIPE = 160  # a piped table must keep its columns whole

JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")]

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]


_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
MOST_DECIMALS = 10


def say(text: str, *, err: bool = False) -> None:
    """Print a sentence."""
    typer.echo(visible(text), err=err)


def usd(amount: Decimal | None) -> str:
    """Format an amount with six decimals, which a single call needs."""
    return "–" if amount is None else f"{amount:.6f}"


def refuse_both(*, json: bool, csv: bool) -> None:
    """Refuse two output formats at once.

    Raises:
        UsageError: both were asked for.
    """
    if json and csv:
        raise UsageError("--json and --csv: give one of them")


def print_json(document: object) -> None:
    """Print a JSON document; ids, times and amounts are formatted as in the project's events."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=_spelled)
    typer.echo(visible_json(text))


def print_csv(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Print a line of column names and one per row, formatted as in JSON; an unknown value is empty.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    typer.echo(text.getvalue(), nl=False)


def _cell(value: object) -> object:
    if isinstance(value, str):
        return f"'{visible(value)}" if value.startswith(_FORMULA_STARTS) else visible(value)
    return value if value is None or isinstance(value, int | float) else _spelled(value)


class _VisibleConsole(Console):
    """A console that writes its own control sequences, but none from a text."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


def people_console() -> Console:
    """Return the console for results, without markup: texts of shops and models may contain brackets."""
    known_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    return _VisibleConsole(width=None if known_width else WIDTH_IN_A_PIPE, highlight=False, markup=False, emoji=False)


def progress_console() -> Console:
    """Return the console for progress, which is no result and so goes to standard error."""
    return _VisibleConsole(stderr=True, highlight=False, markup=False, emoji=False)


def _spelled(value: object) -> str:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return rfc3339(value)
        case date():
            return value.isoformat()
        case Decimal():
            return plain_decimal(_shortest(value))
        case _:
            raise TypeError(f"{type(value).__name__} has no spelling in JSON")


def _shortest(amount: Decimal) -> Decimal:
    """Drop trailing zeros left by a division in the database; values entered by people stay as they are."""
    exponent = amount.as_tuple().exponent
    return amount.normalize() if isinstance(exponent, int) and exponent < -MOST_DECIMALS else amount
