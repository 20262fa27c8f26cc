"""`instagram-feed experiments outcomes`: loads outcomes of posts from a file."""

import asyncio
import csv
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError, UsageError
from consumer.operations.cli.output import DryRunOption, JsonOption, print_json, say
from consumer.operations.cli.progress import progress_bar
from consumer.operations.experiments.outcome_file import OutcomeRow, WrongFile, read_rows
from consumer.operations.experiments.outcome_import import ImportCounts, import_outcomes
from consumer.settings import DatabaseSettings, load

STDIN = Path("-")
MOST_SHOWN = 20


def outcomes(
    file: Annotated[Path, typer.Argument(help="A CSV file in UTF-8; - for standard input.", metavar="FILE.csv")],
    *,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Load outcomes of posts (likes, saves, reach, sales) from a CSV file.

    The first line names the columns: event_id, metric, value, occurred_at, instagram_feed_id or overlay_id (with
    revision, else the newest), and optionally published_at. Each event_id counts once, so a file may be loaded again;
    for each post and metric the latest occurred_at counts. If a row is invalid none is stored.

    Example: instagram-feed experiments outcomes likes.csv --dry-run
    """
    try:
        with _opened(file) as lines:
            counts = asyncio.run(_import(read_rows(lines), dry_run=dry_run))
    except WrongFile as error:
        raise UsageError(f"{file}: {error}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: is not a CSV file in UTF-8 ({error})") from None
    if json:
        print_json(_document(counts, dry_run=dry_run))
    elif not counts.problems:
        say(_sentence(counts, dry_run=dry_run))
    _end(file, counts)


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if file == STDIN:
        yield sys.stdin
        return
    try:
        opened = file.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from error
    with opened:
        yield opened


async def _import(rows: Iterable[OutcomeRow], *, dry_run: bool) -> ImportCounts:
    async with database_connection(load(DatabaseSettings)) as connection:
        with progress_bar("storing", None) as report:
            return await import_outcomes(connection, rows, dry_run=dry_run, report=report)


def _document(counts: ImportCounts, *, dry_run: bool) -> dict[str, object]:
    is_stored = not dry_run and not counts.problems
    return {
        "dry_run": dry_run,
        "rows": counts.rows,
        "stored": counts.stored if is_stored else 0,
        "would_store": counts.stored if dry_run and not counts.problems else 0,
        "known": counts.known,
        "unknown_posts": counts.unknown_posts,
        "problems": [{"line": line, "problem": problem} for line, problem in counts.problems.items()],
    }


def _sentence(counts: ImportCounts, *, dry_run: bool) -> str:
    verb = "would be stored" if dry_run else "stored"
    known = f"; {counts.known:,} were known" if counts.known else ""
    return f"{counts.stored:,} of {counts.rows:,} outcomes {verb}{known}"


def _end(file: Path, counts: ImportCounts) -> None:
    """Exit with a code other than 0 if rows are invalid, or about posts that are not stored."""
    if counts.problems:
        _print_lines(counts.problems)
        raise UsageError(f"{file}: {len(counts.problems):,} of {counts.rows:,} rows are invalid; nothing was stored")
    if counts.unknown_posts:
        _print_lines(dict.fromkeys(counts.unknown_posts, "no such post is stored"))
        raise CommandError(f"{file}: {len(counts.unknown_posts):,} rows refer to posts that are not stored")


def _print_lines(problems: Mapping[int, str]) -> None:
    for line, problem in list(problems.items())[:MOST_SHOWN]:
        say(f"line {line}: {problem}", err=True)
    if len(problems) > MOST_SHOWN:
        say(f"… and {len(problems) - MOST_SHOWN:,} more", err=True)
