"""`instagram-feed report ignored`: records skipped because of their event type."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.output import CsvOption, JsonOption, print_csv, print_json, refuse_both, say
from consumer.operations.cli.report.scope import MOST_DAYS
from consumer.operations.cli.tables import print_table
from consumer.settings import DatabaseSettings, load
from repository.operations.ignored_days import IgnoredDay, ignored_days

COLUMNS = ("date", "event_type", "records", "last_place")


def ignored(
    *,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="Number of days, including today.")] = 7,
    json: JsonOption = False,
    csv: CsvOption = False,
) -> None:
    """Count records skipped because of their event type, by day and type.

    Days begin at midnight UTC. The setting OVERLAY_EVENT_TYPES lists the accepted types.

    Example: instagram-feed report ignored --days 30
    """
    refuse_both(json=json, csv=csv)
    rows = asyncio.run(_rows(days))
    if json:
        print_json({"report": "ignored", "days": days, "rows": [asdict(row) for row in rows]})
    elif csv:
        print_csv([asdict(row) for row in rows], COLUMNS)
    elif not rows:
        say("Nothing was skipped.")
    else:
        print_table(_table(rows))


async def _rows(days: int) -> list[IgnoredDay]:
    async with database_connection(load(DatabaseSettings)) as connection:
        return await ignored_days(connection, since=datetime.now(UTC).date() - timedelta(days=days - 1))


def _table(rows: Sequence[IgnoredDay]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("date", no_wrap=True)
    table.add_column("event type", overflow="fold")
    table.add_column("records", justify="right")
    table.add_column("last place", overflow="fold")
    for row in rows:
        table.add_row(f"{row.date}", row.event_type, f"{row.records:,}", row.last_place)
    return table
