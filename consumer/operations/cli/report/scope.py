"""The options of `instagram-feed report`: which posts, of which time."""

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from consumer.operations.cli.errors import UsageError
from repository.llm_models import ModelNotUsable, find_one
from repository.operations.report_scope import ReportScope, tenant_is_known
from repository.pool import Connection

MOST_DAYS = 36_500

TenantOption = Annotated[str | None, typer.Option(help="Only posts of this tenant_id.")]
ModelOption = Annotated[
    str | None, typer.Option(help="Only posts of this model: NAME, PROVIDER/NAME, either with @VERSION, or its id.")
]
SinceOption = Annotated[datetime | None, typer.Option(help="Only posts created at this time or later.")]
UntilOption = Annotated[datetime | None, typer.Option(help="Only posts created before this time.")]
DaysOption = Annotated[int | None, typer.Option(min=1, max=MOST_DAYS, help="Number of days, instead of --since.")]
TIMEZONE_HELP = "Time zone of --since, --until and days: an IANA name such as Asia/Seoul."
TimezoneOption = Annotated[str, typer.Option(help=TIMEZONE_HELP)]


@dataclass(frozen=True, slots=True)
class Range:
    """The time range of a report; None is an open end."""

    since: datetime
    until: datetime | None
    timezone: str


def chosen_range(
    since: datetime | None, until: datetime | None, days: int | None, timezone: str, *, now: datetime, usual_days: int
) -> Range:
    """Return the time range of the options; by default `usual_days` up to now.

    Raises:
        CommandError: the options contradict each other, the range is empty, or the time zone unknown.
    """
    zone = _zone(timezone)
    if since and days:
        raise UsageError("give either --since or --days")
    end = _placed(until, zone)
    begin = _placed(since, zone) or _back(end or now, days or usual_days)
    if begin >= (end or now):
        limit = f"--until {end:%Y-%m-%d %H:%M}" if end else "now"
        raise UsageError(f"the range is empty: --since {begin:%Y-%m-%d %H:%M} is not before {limit} (UTC)")
    return Range(begin, end, timezone)


async def chosen_scope(connection: Connection, chosen: Range, tenant: str | None, model: str | None) -> ReportScope:
    """Return the posts selected by the options.

    Raises:
        CommandError: the tenant has no posts or requests, or the name does not match a single model.
    """
    try:
        found = await find_one(connection, model) if model else None
    except ModelNotUsable as error:
        raise UsageError(f"--model: {error}") from None
    if tenant is not None and not await tenant_is_known(connection, tenant):
        raise UsageError(f"--tenant: there are no posts or requests of tenant '{tenant}'")
    return ReportScope(
        since=chosen.since,
        until=chosen.until,
        tenant_id=tenant,
        llm_model_id=found.llm_model_id if found else None,
        timezone=chosen.timezone,
    )


def viewers_timezone() -> str:
    """Return the user's time zone as an IANA name: TZ, else the machine's, else UTC."""
    _, _, of_machine = str(Path("/etc/localtime").resolve()).rpartition("/zoneinfo/")
    for name in (os.environ.get("TZ", "").lstrip(":"), of_machine):
        with suppress(ValueError, OSError, LookupError):
            return ZoneInfo(name).key
    return "UTC"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise UsageError(f"--timezone: '{name}' is not a time zone; expected an IANA name such as Asia/Seoul") from None


def _placed(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    return moment and moment.replace(tzinfo=zone).astimezone(UTC)


def _back(end: datetime, days: int) -> datetime:
    return end - timedelta(days=days)
