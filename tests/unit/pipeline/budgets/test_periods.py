"""Periods: every instant is in exactly one day and month, as long as the clocks of its place make it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from consumer.pipeline.budgets.periods import span_at, zone_called
from schemas.budget_period import BudgetPeriod

ZONES = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
INSTANTS = st.datetimes(datetime(1975, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - with one


@given(period=st.sampled_from(BudgetPeriod), zone=ZONES, at=INSTANTS)
def test_an_instant_is_in_its_period_and_the_next_begins_where_that_ends(
    period: BudgetPeriod, zone: ZoneInfo, at: datetime
) -> None:
    span = span_at(period, zone, at)
    assert span.contains(at)
    assert span_at(period, zone, span.starts_at) == span
    following = span_at(period, zone, span.ends_at)
    assert following.starts_at == span.ends_at
    longest = timedelta(days=1, hours=25) if period is BudgetPeriod.DAY else timedelta(days=32)
    assert timedelta(0) < span.ends_at - span.starts_at <= longest


@pytest.mark.parametrize(
    ("zone", "at", "hours"),
    [
        ("Asia/Seoul", datetime(2026, 11, 27, 3, tzinfo=UTC), 24),
        ("Europe/Berlin", datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
        # the clocks are changed at midnight: the day begins at one o'clock
        ("Africa/Cairo", datetime(2026, 4, 24, 12, tzinfo=UTC), 23),
        # the hour before midnight is there twice
        ("America/Santiago", datetime(2026, 4, 4, 12, tzinfo=UTC), 25),
        ("Australia/Lord_Howe", datetime(2026, 4, 5, 6, tzinfo=UTC), 24.5),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone: str, at: datetime, hours: float) -> None:
    span = span_at(BudgetPeriod.DAY, ZoneInfo(zone), at)
    assert span.ends_at - span.starts_at == timedelta(hours=hours)


def test_a_month_begins_and_ends_at_the_tenants_midnight() -> None:
    span = span_at(BudgetPeriod.MONTH, ZoneInfo("Asia/Seoul"), datetime(2026, 11, 30, 15, tzinfo=UTC))
    assert span.starts_at == datetime(2026, 11, 30, 15, tzinfo=UTC)
    assert span.ends_at == datetime(2026, 12, 31, 15, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Mars/Phobos", "", "../etc/passwd", "America"])
def test_a_name_that_is_no_zone_fails_nobody_s_request_and_is_told_once(name: str) -> None:
    zone_called.cache_clear()
    with capture_logs() as lines:
        zones = {zone_called(name).key for _ in range(3)}
    assert zones == {"UTC"}
    assert [line["event"] for line in lines] == ["budget.unknown_zone"]
