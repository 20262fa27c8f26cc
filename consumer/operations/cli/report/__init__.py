"""`instagram-feed report`: figures of posts."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.output import CsvOption, JsonOption, print_csv, print_json, refuse_both, say
from consumer.operations.cli.report.budgets import budgets
from consumer.operations.cli.report.html import html
from consumer.operations.cli.report.ignored import ignored
from consumer.operations.cli.report.scope import (
    DaysOption,
    ModelOption,
    Range,
    SinceOption,
    TenantOption,
    TimezoneOption,
    UntilOption,
    chosen_range,
    chosen_scope,
)
from consumer.operations.cli.report.view import Figures, columns_of, figures_of, report_table
from consumer.operations.cli.tables import WideOption, print_table
from consumer.settings import DatabaseSettings, load
from repository.operations import reports
from repository.operations.call_report import UnusedCalls, unused_calls
from repository.operations.cost_without_post import cost_without_post
from repository.operations.outcome_report import PostOutcomes, outcomes
from repository.operations.report_scope import GroupBy, ReportScope
from repository.pool import Connection

WEEK, MONTH = 7, 30
SUMMARY = "Report latency, tokens and cost of the posts, by model, tenant and day."

report = typer.Typer(help=SUMMARY, no_args_is_help=True)

ByOption = Annotated[GroupBy | None, typer.Option("--by", help="One row for each of these.")]
Query = Callable[[Connection, ReportScope, GroupBy | None], Awaitable[Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its query, its help text, and its default number of days."""

    query: Query
    row: type
    days: int
    about: str
    example: str
    nothing: str = "No posts."


REPORTS: Mapping[str, Report] = {
    "latency": Report(
        reports.latency,
        reports.Latency,
        WEEK,
        "Latency of the calls that wrote posts, in milliseconds.",
        "instagram-feed report latency --tenant store-apparel-1 --by model",
    ),
    "tokens": Report(
        reports.tokens,
        reports.Tokens,
        WEEK,
        "Tokens of the calls that wrote posts.",
        "instagram-feed report tokens --since 2026-11-01 --until 2026-12-01 --by tenant",
    ),
    "cost": Report(
        reports.cost,
        reports.Cost,
        WEEK,
        "Cost of posts by model: estimated at current prices, and spent.\n\n"
        "The estimate counts the calls that wrote the posts and knows no cached tokens. Spent is every call at "
        "the price of its time; with failed and unfinished requests, superseded calls and duplicates (a second batch "
        "that a provider made of one file), which have lines of their own, it adds up to the provider's bill. Those "
        "lines are left out with --model: the ledger does not keep the model of a failed request (`report calls` "
        "does).",
        "instagram-feed report cost --days 30 --by tenant --csv",
    ),
    "daily-tokens": Report(
        reports.daily_tokens,
        reports.DailyTokens,
        MONTH,
        "Tokens of posts by day.",
        "instagram-feed report daily-tokens --tenant store-apparel-1 --timezone Asia/Seoul",
    ),
    "models": Report(
        reports.models,
        reports.ModelUse,
        WEEK,
        "Usage, speed and cost of each model.",
        "instagram-feed report models --days 30",
    ),
    "daily-models": Report(
        reports.daily_models,
        reports.DailyModelUse,
        MONTH,
        "Usage and cost of each model by day.",
        "instagram-feed report daily-models --model gpt-4o-mini --json",
    ),
    "calls": Report(
        unused_calls,
        UnusedCalls,
        WEEK,
        "Cost of calls whose answer did not become a post, by model and verdict.\n\n"
        "Cut off, unusable, refused, unanswered …: their cost is in `report cost` too, with the posts or requests they "
        "were for; here they stand alone, those of failed requests included, and --model applies.",
        "instagram-feed report calls --days 30 --by tenant",
        nothing="No such calls.",
    ),
    "outcomes": Report(
        outcomes,
        PostOutcomes,
        MONTH,
        "Outcomes of posts: likes, saves, reach, sales, from instagram_feed.outcome.\n\n"
        "For each post and metric the latest figure counts. Posts are selected by when they were created.",
        "instagram-feed report outcomes --days 90 --by tenant",
        nothing="No outcomes of these posts.",
    ),
}


@report.callback()
def _group() -> None:
    """Report latency, tokens and cost of the posts, by model, tenant and day."""


def _command(name: str, chosen: Report) -> None:
    """Add the command of one report; all have the same options."""

    def command(  # noqa: PLR0913 - the options that every report has
        *,
        tenant: TenantOption = None,
        model: ModelOption = None,
        since: SinceOption = None,
        until: UntilOption = None,
        days: DaysOption = None,
        timezone: TimezoneOption = "UTC",
        by: ByOption = None,
        wide: WideOption = False,
        json: JsonOption = False,
        csv: CsvOption = False,
    ) -> None:
        refuse_both(json=json, csv=csv)
        wanted = chosen_range(since, until, days, timezone, now=datetime.now(UTC), usual_days=chosen.days)
        figures = asyncio.run(_figures(chosen, wanted, tenant, model, by))
        if json:
            print_json(_document(name, figures, wanted, tenant, model))
        elif csv:
            print_csv(figures.lines, columns_of(chosen.row, by))
        elif not figures.lines:
            say(chosen.nothing)
        else:
            print_table(report_table(figures, columns_of(chosen.row, by)), wide=wide)

    command.__doc__ = (
        f"{chosen.about}\n\nThe last {chosen.days} days, unless --days or --since say otherwise."
        f"\n\nExample: {chosen.example}"
    )
    report.command(name)(command)


for _name, _report in REPORTS.items():
    _command(_name, _report)
report.command()(html)
report.command()(ignored)
report.command()(budgets)


async def _figures(chosen: Report, wanted: Range, tenant: str | None, model: str | None, by: GroupBy | None) -> Figures:
    async with database_connection(load(DatabaseSettings)) as connection:
        scope = await chosen_scope(connection, wanted, tenant, model)
        rows = await chosen.query(connection, scope, by)
        # which model a failed request was for is not kept
        bill = chosen.query is reports.cost and model is None
        without_post = await cost_without_post(connection, scope, by) if bill else None
    return figures_of(rows, without_post, by)


def _document(name: str, figures: Figures, wanted: Range, tenant: str | None, model: str | None) -> dict[str, object]:
    document: dict[str, object] = {
        "report": name,
        "since": wanted.since,
        "until": wanted.until,
        "tenant_id": tenant,
        "model": model,
        "rows": figures.rows,
    }
    if figures.without_post is not None:
        document |= {"without_post": figures.without_post, "total_spent_usd": figures.total_spent_usd}
    return document
