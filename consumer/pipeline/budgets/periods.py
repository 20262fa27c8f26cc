"""The periods of budgets: days and months in a tenant's time zone, as instants."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from schemas.budget_period import BudgetPeriod

log = structlog.get_logger()

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From an instant to the start of the next period, both in UTC."""

    starts_at: datetime
    ends_at: datetime

    def contains(self, at: datetime) -> bool:
        """Return whether an instant belongs to it."""
        return self.starts_at <= at < self.ends_at


@cache
def zone_called(name: str) -> ZoneInfo:
    """Return a time zone; UTC for an invalid name, which only a manual change can bring into `tenants`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        log.error("budget.unknown_zone", timezone=name)  # noqa: TRY400 - the line says it all
        return ZoneInfo("UTC")


def span_at(period: BudgetPeriod, zone: ZoneInfo, at: datetime) -> Span:
    """Return the day or month that contains an instant, in this time zone.

    A day has 23 or 25 hours when clocks are changed.
    """
    today = at.astimezone(zone).date()
    if period is BudgetPeriod.DAY:
        return Span(_begin(today, zone), _begin(today + _A_DAY, zone))
    first = today.replace(day=1)
    return Span(_begin(first, zone), _begin((first + 31 * _A_DAY).replace(day=1), zone))


def _begin(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day, even if its midnight is skipped or occurs twice."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)
