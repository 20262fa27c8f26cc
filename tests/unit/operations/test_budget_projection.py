"""What a budget's period comes to."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from consumer.operations.budgets.projection import projection, spent_up_at
from consumer.pipeline.budgets.periods import Span

BEGIN = datetime(2026, 11, 26, 15, tzinfo=UTC)
DAY = Span(BEGIN, BEGIN + timedelta(days=1))


def test_a_quarter_of_a_day_tells_of_the_whole() -> None:
    at = BEGIN + timedelta(hours=6)
    assert projection(Decimal(2), DAY, at) == 8
    assert spent_up_at(Decimal(2), Decimal(4), DAY, at) == BEGIN + timedelta(hours=12)
    assert spent_up_at(Decimal(2), Decimal(9), DAY, at) is None


def test_the_first_minutes_tell_nothing() -> None:
    assert projection(Decimal(2), DAY, BEGIN + timedelta(minutes=5)) is None


def test_a_limit_that_is_reached_was_reached_by_now() -> None:
    at = BEGIN + timedelta(hours=6)
    assert spent_up_at(Decimal(5), Decimal(4), DAY, at) == at
