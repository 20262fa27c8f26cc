"""`instagram-feed report budgets`: budgets that came near their limit or reached it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Table

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.output import CsvOption, JsonOption, print_csv, print_json, refuse_both, say
from consumer.operations.cli.report.scope import MOST_DAYS
from consumer.operations.cli.tables import print_table
from consumer.settings import DatabaseSettings, load
from consumer.telemetry.visible_text import one_line
from repository.operations.budget_changes import Standing, standings

COLUMNS = ("tenant_id", "period", "limit_usd", "limit_tokens", "starts_at", "ends_at", "spent", "warned_percent")


def budgets(
    *,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="Number of days, including today.")] = 7,
    json: JsonOption = False,
    csv: CsvOption = False,
) -> None:
    """List the periods in which 80 or 100 percent of a budget were spent, at current limits.

    `warned percent` 100 can also mean that the rest was too little for a call.

    Example: instagram-feed report budgets --days 30
    """
    refuse_both(json=json, csv=csv)
    rows = asyncio.run(_rows(days))
    if json:
        print_json({"report": "budgets", "days": days, "rows": rows})
    elif csv:
        print_csv(rows, COLUMNS)
    elif not rows:
        say("No budget came to 80 percent.")
    else:
        print_table(_table(rows))


async def _rows(days: int) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    async with database_connection(load(DatabaseSettings)) as connection:
        found = await standings(connection, since=now - timedelta(days=days), until=now)
    return [_row(standing) for standing in found if standing.warned_percent]


def _row(standing: Standing) -> dict[str, Any]:
    budget = standing.budget
    return {
        "tenant_id": budget.tenant_id,
        "period": str(budget.period),
        "limit_usd": budget.limit_usd,
        "limit_tokens": budget.limit_tokens,
        "starts_at": standing.starts_at,
        "ends_at": standing.ends_at,
        "spent": standing.spent,
        "warned_percent": standing.warned_percent,
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("tenant", overflow="fold")
    table.add_column("period", no_wrap=True)
    for name in ("limit", "spent", "warned percent"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("began (UTC)", no_wrap=True)
    for row in rows:
        is_in_usd = row["limit_usd"] is not None
        limit = f"{row['limit_usd']:f} USD" if is_in_usd else f"{row['limit_tokens']} tokens"
        tenant = "(all)" if row["tenant_id"] is None else one_line(row["tenant_id"])
        began = f"{row['starts_at']:%Y-%m-%d %H:%M}"
        table.add_row(tenant, row["period"], limit, f"{row['spent']:f}", str(row["warned_percent"]), began)
    return table
