"""What commands print: results on standard output, for people or, as JSON, for scripts."""

import csv
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from schemas.wire_types import plain_decimal, rfc3339

WIDTH_IN_A_PIPE = 160  # whoever pipes a table wants its columns whole

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print comma-separated values, for spreadsheets.")]

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]


def print_json(document: object) -> None:
    """Print one JSON document; ids, instants and amounts are spelled as in the project's events."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_spelled))


def print_csv(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Print a line of column names and one for each row, spelled as in JSON; an unknown value is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    typer.echo(text.getvalue(), nl=False)


def _cell(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float) else _spelled(value)


def people_console() -> Console:
    """Where results for people go. Texts are printed as they are: those of shops and models may hold brackets."""
    known_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if known_width else WIDTH_IN_A_PIPE, highlight=False, markup=False)


def progress_console() -> Console:
    """Where progress goes: it is no result, so not to standard output."""
    return Console(stderr=True, highlight=False, markup=False)


def _spelled(value: object) -> str:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return rfc3339(value)
        case date():
            return value.isoformat()
        case Decimal():
            return plain_decimal(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no spelling in JSON")
