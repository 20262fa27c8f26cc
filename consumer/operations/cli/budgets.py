"""`instagram-feed budgets`: limits on what tenants may spend, and how they stand."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer
from rich.table import Table

from consumer.operations.budgets.projection import projection, spent_up_at
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError, UsageError
from consumer.operations.cli.output import DryRunOption, JsonOption, people_console, print_json, say
from consumer.operations.cli.tables import WideOption, print_table
from consumer.pipeline.budgets.periods import Span, span_at, zone_called
from consumer.settings import DatabaseSettings, PostSettings, load
from consumer.telemetry.visible_text import one_line
from repository.budgets import open_period
from repository.operations.budget_changes import NewLimit, Standing, set_limits, standings, unpriced_models
from repository.pool import Connection
from schemas.budget_period import BudgetPeriod

MOST_CHARS = 255
MOST_TOKENS = 10**15
NONE = "none"
USD_WANTS = "USD, such as 5.00; or none"
TOKENS_WANTS = "a whole number of tokens; or none"
_OPTIONS = {
    "--daily-usd": (BudgetPeriod.DAY, False),
    "--monthly-usd": (BudgetPeriod.MONTH, False),
    "--daily-tokens": (BudgetPeriod.DAY, True),
    "--monthly-tokens": (BudgetPeriod.MONTH, True),
}

budgets = typer.Typer(
    help="Limit what tenants may spend per day or month, and show spending and projection.",
    no_args_is_help=True,
)

AllOption = Annotated[bool, typer.Option("--all", help="Limit what all tenants spend together.")]
Text = str | None


@budgets.callback()
def _group() -> None:
    """Limit what tenants may spend per day or month, and show spending and projection."""


@budgets.command("set")
def set_(  # noqa: PLR0913 - one for each limit
    tenant: Annotated[Text, typer.Argument(metavar="TENANT", help="A tenant_id; or give --all.")] = None,
    *,
    all_: AllOption = False,
    daily_usd: Annotated[Text, typer.Option(metavar="USD", help=USD_WANTS)] = None,
    monthly_usd: Annotated[Text, typer.Option(metavar="USD", help=USD_WANTS)] = None,
    daily_tokens: Annotated[Text, typer.Option(metavar="NUMBER", help=TOKENS_WANTS)] = None,
    monthly_tokens: Annotated[Text, typer.Option(metavar="NUMBER", help=TOKENS_WANTS)] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove all its limits.")] = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Set limits for a tenant or, with --all, for all together. Running consumers apply them within seconds.

    Requests over a limit are held until the period ends in the tenant's time zone, or the limit is raised.

    Example: instagram-feed budgets set dasoni-tea --daily-usd 5.00 --monthly-usd 100
    """
    tenant_id = _whose(tenant, all_=all_)
    texts = dict(zip(_OPTIONS, (daily_usd, monthly_usd, daily_tokens, monthly_tokens), strict=True))
    limits = _limits({option: text for option, text in texts.items() if text is not None}, remove=remove)
    released = asyncio.run(_set(tenant_id, limits, dry_run=dry_run))
    _print_changes(tenant_id, limits, released, dry_run=dry_run, json=json)


@budgets.command("list")
def list_(*, wide: WideOption = False, json: JsonOption = False) -> None:
    """List all budgets and their spending in the current periods.

    Example: instagram-feed budgets list
    """
    now = datetime.now(UTC)
    found = asyncio.run(_standings(now))
    if json:
        print_json([document(standing, now) for standing in found])
    elif found:
        print_table(_table(found, now), wide=wide)
    else:
        say("There are no budgets: instagram-feed budgets set TENANT --daily-usd 5.00")


@budgets.command()
def show(
    tenant: Annotated[Text, typer.Argument(metavar="TENANT", help="A tenant_id; default: the budgets for all.")] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show the spending of a tenant's budgets, with a projection to the end of the period.

    Example: instagram-feed budgets show dasoni-tea
    """
    now = datetime.now(UTC)
    found = asyncio.run(_standings(now, of_all=False, tenant_id=_checked_id(tenant)))
    if json:
        print_json([document(standing, now) for standing in found])
        return
    if not found:
        say(f"{_named(tenant)}: no budget")
    for standing in found:
        grid = Table.grid(padding=(0, 2))
        for name, value in document(standing, now).items():
            grid.add_row(name, _spelled(value))
        people_console().print(grid, "")


async def _set(tenant_id: str | None, limits: Sequence[NewLimit], *, dry_run: bool) -> int:
    async with database_connection(load(DatabaseSettings)) as connection:
        if any(limit.limit_usd is not None for limit in limits):
            await _require_prices(connection)
        if dry_run:
            return 0
        released = await set_limits(connection, tenant_id, limits)
        await _open_periods(connection, tenant_id)
        return released


async def _require_prices(connection: Connection) -> None:
    if unpriced := await unpriced_models(connection, list(load(PostSettings).models.values())):
        advice = "give it one (`instagram-feed models --help`), or set a limit in tokens"
        raise CommandError(f"{', '.join(unpriced)} has no price, and unknown is not free: {advice}")


async def _open_periods(connection: Connection, tenant_id: str | None) -> None:
    """Open the current periods at once, so that earlier spending in them is shown."""
    now = datetime.now(UTC)
    for standing in await standings(connection, since=now, until=now, of_all=False, tenant_id=tenant_id):
        span = span_of(standing, now)
        await open_period(connection, standing.budget.budget_id, span.starts_at, span.ends_at)


async def _standings(now: datetime, *, of_all: bool = True, tenant_id: str | None = None) -> list[Standing]:
    async with database_connection(load(DatabaseSettings)) as connection:
        return await standings(connection, since=now, until=now, of_all=of_all, tenant_id=tenant_id)


def span_of(standing: Standing, now: datetime) -> Span:
    """Return the period of a standing, even if it is not open yet."""
    if standing.starts_at is not None and standing.ends_at is not None:
        return Span(standing.starts_at, standing.ends_at)
    return span_at(standing.budget.period, zone_called(standing.budget.timezone), now)


def document(standing: Standing, now: datetime) -> dict[str, Any]:
    """Return a budget and its standing in JSON; amounts are in its unit."""
    budget, span = standing.budget, span_of(standing, now)
    at_end = projection(standing.spent, span, now)
    return {
        "tenant_id": budget.tenant_id,
        "period": budget.period,
        "limit_usd": budget.limit_usd,
        "limit_tokens": budget.limit_tokens,
        "spent": standing.spent,
        "reserved": standing.reserved,
        "left": max(Decimal(0), budget.limit - standing.spent - standing.reserved),
        "percent": round(float(standing.spent / budget.limit * 100), 1) if budget.limit else 100.0,
        "held_requests": standing.held,
        "projected": None if at_end is None else round(at_end, 6),
        "spent_up_at": spent_up_at(standing.spent, budget.limit, span, now),
        "starts_at": span.starts_at,
        "ends_at": span.ends_at,
        "timezone": budget.timezone,
    }


def _whose(tenant: str | None, *, all_: bool) -> str | None:
    if (tenant is None) != all_:
        raise UsageError("give either TENANT or --all")
    return _checked_id(tenant)


def _checked_id(tenant_id: str | None) -> str | None:
    if tenant_id is not None and (not 1 <= len(tenant_id) <= MOST_CHARS or "\0" in tenant_id):
        raise UsageError(f"TENANT is invalid; expected: a tenant_id of 1 to {MOST_CHARS} characters")
    return tenant_id


def _limits(texts: dict[str, str], *, remove: bool) -> list[NewLimit]:
    if remove and texts:
        raise UsageError(f"--remove takes all limits away: leave out {', '.join(texts)}, or set it to none")
    if remove:
        return [NewLimit(period=period, in_tokens=in_tokens) for period, in_tokens in _OPTIONS.values()]
    if not texts:
        raise UsageError(f"say what to set: {', '.join(_OPTIONS)}; or --remove")
    return [_limit(option, text.strip()) for option, text in texts.items()]


def _limit(option: str, text: str) -> NewLimit:
    period, in_tokens = _OPTIONS[option]
    if text == NONE:
        return NewLimit(period=period, in_tokens=in_tokens)
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= MOST_TOKENS or (in_tokens and amount != int(amount)):
        raise UsageError(f"{option} is invalid; expected: {TOKENS_WANTS if in_tokens else USD_WANTS}")
    if in_tokens:
        return NewLimit(period=period, in_tokens=True, limit_tokens=int(amount))
    return NewLimit(period=period, in_tokens=False, limit_usd=amount)


def _print_changes(
    tenant_id: str | None, limits: Sequence[NewLimit], released: int, *, dry_run: bool, json: bool
) -> None:
    set_to = {
        option: limit.limit_tokens if limit.in_tokens else limit.limit_usd
        for limit in limits
        for option, which in _OPTIONS.items()
        if which == (limit.period, limit.in_tokens)
    }
    if json:
        changes = {option[2:].replace("-", "_"): value for option, value in set_to.items()}
        print_json({"dry_run": dry_run, "tenant_id": tenant_id, "limits": changes, "released_requests": released})
        return
    say(f"{_named(tenant_id)}{' would have' if dry_run else ' has'} now:")
    for option, value in set_to.items():
        say(f"  {option[2:].replace('-', ' ')}: {NONE if value is None else _spelled(value)}")
    if released:
        say(f"{released} held requests are tried again, the oldest first.")


def _named(tenant_id: str | None) -> str:
    return "all tenants together" if tenant_id is None else one_line(tenant_id)


def _table(found: Sequence[Standing], now: datetime) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("tenant", overflow="fold")
    table.add_column("budget", no_wrap=True)
    for name in ("spent", "%", "reserved", "held", "projected"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("ends", no_wrap=True)
    for standing in found:
        shown = document(standing, now)
        ends = shown["ends_at"].astimezone(zone_called(standing.budget.timezone))
        names = ("spent", "percent", "reserved", "held_requests", "projected")
        table.add_row(
            _named(standing.budget.tenant_id),
            standing.budget.in_words,
            *(_spelled(shown[name]) for name in names),
            f"{ends:%Y-%m-%d %H:%M}",
        )
    return table


def _spelled(value: object) -> str:
    match value:
        case None:
            return "–"
        case Decimal():
            return f"{value:f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%SZ}"
        case _:
            return one_line(str(value))
