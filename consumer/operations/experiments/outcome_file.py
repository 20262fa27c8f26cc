"""Outcomes in a CSV file, whose columns are the fields of `instagram_feed.outcome`; read row by row."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TextIO

from schemas.codec import InvalidEvent
from schemas.feed_outcome import FeedOutcome, feed_outcome_of

REQUIRED: Final = ("event_id", "metric", "value", "occurred_at")
NAMES_A_POST: Final = ("instagram_feed_id", "overlay_id")
COLUMNS: Final = (*REQUIRED, *NAMES_A_POST, "revision", "published_at")
_NUMBERS: Final = {"value": float, "revision": int}


class WrongFile(Exception):
    """The file's header is invalid; the message says why."""


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """A row by its line number: an outcome, or why it is invalid."""

    line: int
    outcome: FeedOutcome | None
    problem: str | None = None


def read_rows(file: TextIO) -> Iterator[OutcomeRow]:
    """Read rows one by one; blank lines are skipped.

    Raises:
        WrongFile: a column is missing, unknown or duplicated.
        csv.Error, UnicodeDecodeError: it is not a CSV file in UTF-8.
    """
    reader = csv.reader(file, strict=True)
    columns = [name.strip() for name in next(reader, [])]
    _check_columns(columns)
    for cells in reader:
        if any(cells):
            yield _row(reader.line_num, columns, cells)


def _check_columns(columns: list[str]) -> None:
    unknown = [name for name in columns if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in columns]
    if unknown:
        raise WrongFile(f"line 1: unknown column '{unknown[0]}'; columns are {', '.join(COLUMNS)}")
    if missing:
        raise WrongFile(f"line 1: column {missing[0]} is missing")
    if not set(NAMES_A_POST) & set(columns):
        raise WrongFile("line 1: column instagram_feed_id or overlay_id is missing")
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise WrongFile(f"line 1: column {twice[0]} is there twice")


def _row(line: int, columns: list[str], cells: list[str]) -> OutcomeRow:
    if len(cells) != len(columns):
        return OutcomeRow(line, None, f"has {len(cells)} cells, not {len(columns)}")
    fields = {name: _value(name, cell.strip()) for name, cell in zip(columns, cells, strict=True) if cell.strip()}
    try:
        return OutcomeRow(line, feed_outcome_of(fields))
    except InvalidEvent as error:
        return OutcomeRow(line, None, str(error))


def _value(name: str, cell: str) -> Any:  # noqa: ANN401 - what the cell is meant to be; wrong text stays text
    try:
        return _NUMBERS[name](cell) if name in _NUMBERS else cell
    except ValueError:
        return cell
