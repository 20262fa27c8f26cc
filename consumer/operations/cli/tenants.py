"""`instagram-feed tenants`: settings of tenants: shares, limits, and what their posts are like."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import UsageError
from consumer.operations.cli.output import DryRunOption, JsonOption, people_console, print_json, say
from consumer.operations.cli.tables import WideOption, print_table
from consumer.operations.tenants.tenant_fields import (
    WrongTenantField,
    option_of,
    read_tenant_changes,
    wanted_by,
)
from consumer.settings import DatabaseSettings, load
from consumer.telemetry.visible_text import one_line
from repository.operations.budget_changes import standings
from repository.operations.tenant_changes import Tenant, TenantChanges, find_tenant, list_tenants, set_tenant
from repository.pool import Connection

MOST_CHARS = 255

tenants = typer.Typer(
    help="Show and change settings of tenants: share, limits, delivery, time zone, disclosure, sector.",
    no_args_is_help=True,
)

TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="Its tenant_id, as in events.")]
Text = str | None


@tenants.callback()
def _group() -> None:
    """Show and change settings of tenants: share, limits, delivery, time zone, disclosure, sector."""


@tenants.command("list")
def list_(*, wide: WideOption = False, json: JsonOption = False) -> None:
    """List tenants with settings of their own; for all others the defaults apply.

    Example: instagram-feed tenants list
    """
    found = asyncio.run(_all())
    if json:
        print_json([document(tenant) for tenant in found])
    elif found:
        print_table(_table(found), wide=wide)
    else:
        say("No tenant has settings of its own: the defaults apply to all.")


@tenants.command()
def show(tenant: TenantArgument, *, json: JsonOption = False) -> None:
    """Show the settings of a tenant, which may be the defaults.

    Example: instagram-feed tenants show dasoni-tea
    """
    found, budgets = asyncio.run(_found(_checked_id(tenant)))
    shown = {**document(found or Tenant(tenant_id=tenant)), "is_default": found is None, "budgets": budgets}
    if json:
        print_json(shown)
        return
    grid = Table.grid(padding=(0, 2))
    for column, value in shown.items():
        grid.add_row(column, _spelled(value))
    people_console().print(grid)


@tenants.command("set")
def set_(  # noqa: PLR0913 - one for each column
    tenant: TenantArgument,
    *,
    weight: Annotated[Text, typer.Option(metavar="NUMBER", help=wanted_by("weight"))] = None,
    max_in_flight: Annotated[Text, typer.Option(metavar="NUMBER", help=wanted_by("max_in_flight"))] = None,
    delivery: Annotated[Text, typer.Option(help=wanted_by("delivery"))] = None,
    timezone: Annotated[Text, typer.Option(help=wanted_by("timezone"))] = None,
    disclosure: Annotated[Text, typer.Option(help=wanted_by("disclosure"))] = None,
    sector: Annotated[Text, typer.Option(help=wanted_by("sector"))] = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Change settings of a tenant. Running consumers apply them within a minute.

    Example: instagram-feed tenants set dasoni-tea --weight 3 --max-in-flight 20 --disclosure '#광고'
    """
    texts = {
        "weight": weight,
        "max_in_flight": max_in_flight,
        "delivery": delivery,
        "timezone": timezone,
        "disclosure": disclosure,
        "sector": sector,
    }
    changes = _read({column: text for column, text in texts.items() if text is not None}, all_options=list(texts))
    before, after = asyncio.run(_changed(_checked_id(tenant), changes, dry_run=dry_run))
    _print_changes(before, after, changes, dry_run=dry_run, json=json)


@asynccontextmanager
async def _database() -> AsyncIterator[Connection]:
    async with database_connection(load(DatabaseSettings)) as connection:
        yield connection


async def _all() -> list[Tenant]:
    async with _database() as connection:
        return await list_tenants(connection)


async def _found(tenant_id: str) -> tuple[Tenant | None, list[str]]:
    """Return the settings of a tenant, and its budgets in words."""
    now = datetime.now(UTC)
    async with _database() as connection:
        theirs = await standings(connection, since=now, until=now, of_all=False, tenant_id=tenant_id)
        return await find_tenant(connection, tenant_id), [standing.budget.in_words for standing in theirs]


async def _changed(tenant_id: str, changes: TenantChanges, *, dry_run: bool) -> tuple[Tenant, dict[str, Any]]:
    """Return the tenant before, and its columns after."""
    async with _database() as connection:
        before = await find_tenant(connection, tenant_id) or Tenant(tenant_id=tenant_id)
        if dry_run:
            return before, {**asdict(before), **changes}
        return before, asdict(await set_tenant(connection, tenant_id, changes))


def document(tenant: Tenant) -> dict[str, Any]:
    """Return a tenant in JSON, under the names of its columns."""
    return asdict(tenant)


def _checked_id(tenant_id: str) -> str:
    if not 1 <= len(tenant_id) <= MOST_CHARS or "\0" in tenant_id:
        raise UsageError(f"TENANT is invalid; expected: a tenant_id of 1 to {MOST_CHARS} characters")
    return tenant_id


def _read(texts: dict[str, str], *, all_options: Sequence[str]) -> TenantChanges:
    if not texts:
        raise UsageError(f"say what to change: {', '.join(map(option_of, all_options))}")
    try:
        return read_tenant_changes(texts)
    except WrongTenantField as error:
        raise UsageError(str(error)) from None


def _table(found: Sequence[Tenant]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("tenant", overflow="fold")
    table.add_column("weight", no_wrap=True, justify="right")
    table.add_column("in flight", no_wrap=True, justify="right")
    for name in ("delivery", "time zone", "sector"):
        table.add_column(name, no_wrap=True)
    table.add_column("disclosure", overflow="fold")
    for tenant in found:
        values = (tenant.weight, tenant.max_in_flight, tenant.delivery, tenant.timezone, tenant.sector)
        table.add_row(one_line(tenant.tenant_id), *map(_spelled, values), _spelled(tenant.disclosure))
    return table


def _print_changes(before: Tenant, after: dict[str, Any], changes: TenantChanges, *, dry_run: bool, json: bool) -> None:
    was = asdict(before)
    changed = {column: {"before": was[column], "after": after[column]} for column in changes}
    if json:
        print_json({"dry_run": dry_run, "tenant_id": before.tenant_id, "changes": changed})
        return
    say(f"{one_line(before.tenant_id)}{' would have' if dry_run else ' has'} now:")
    for column, values in changed.items():
        say(f"  {column}: {_spelled(values['before'])} → {_spelled(values['after'])}")


def _spelled(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case list():
            return one_line(", ".join(map(str, value))) or "–"
        case float():
            return f"{value:g}"
        case _:
            return one_line(str(value))
