"""`instagram-feed report html`: the report as a page."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.output import JsonOption, print_json, say
from consumer.operations.cli.report.scope import (
    TIMEZONE_HELP,
    DaysOption,
    ModelOption,
    Range,
    SinceOption,
    TenantOption,
    UntilOption,
    chosen_range,
    chosen_scope,
    viewers_timezone,
)
from consumer.operations.reports.page import page
from consumer.operations.reports.page_file import is_in_the_way, write_page
from consumer.operations.reports.reading import ReportFigures, read
from consumer.settings import DatabaseSettings, load
from repository.pool import snapshot

USUAL_DAYS = 30


def html(  # noqa: PLR0913 - the options that every report has
    file: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False, show_default=False)],
    *,
    tenant: TenantOption = None,
    model: ModelOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    days: DaysOption = None,
    timezone: Annotated[str, typer.Option(help=TIMEZONE_HELP, show_default="yours")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite any existing file.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a page with charts of volume, cost, tokens, latency and failures.

    By model, variant and tenant, for the last 30 days unless --days or --since say otherwise. The page is one
    self-contained file. An older report is replaced; any other file only with --force.

    Example: instagram-feed report html report.html --days 7 --timezone Asia/Seoul
    """
    now = datetime.now(UTC)
    wanted = chosen_range(since, until, days, timezone or viewers_timezone(), now=now, usual_days=USUAL_DAYS)
    if not force and is_in_the_way(file):
        raise CommandError(f"{file} exists and is not a report of this program: name another file, or give --force")
    reading = asyncio.run(_reading(wanted, tenant, model, now))
    try:
        write_page(file, page(reading, made_at=now))
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from error
    if json:
        print_json(_document(file, reading))
    else:
        say(f"{file}: {reading.posts:,} posts, {reading.failed:,} failed requests")


async def _reading(wanted: Range, tenant: str | None, model: str | None, now: datetime) -> ReportFigures:
    async with database_connection(load(DatabaseSettings)) as connection:
        scope = await chosen_scope(connection, wanted, tenant, model)
        async with snapshot(connection):
            return await read(connection, scope, model=model, now=now)


def _document(file: Path, reading: ReportFigures) -> dict[str, object]:
    return {
        "file": str(file),
        "since": reading.scope.since,
        "until": reading.scope.until,
        "tenant_id": reading.scope.tenant_id,
        "model": reading.model,
        "posts": reading.posts,
        "failed_requests": reading.failed,
        "total_spent_usd": reading.spent_on_posts_usd + reading.spent_without_post_usd,
    }
