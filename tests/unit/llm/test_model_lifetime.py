from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.model_lifetime import WARN_DAYS, shutdown_notice

TODAY = date(2026, 11, 22)


@given(st.integers(WARN_DAYS + 1, 10_000))
def test_nothing_is_said_more_than_sixty_days_ahead(days: int) -> None:
    assert shutdown_notice(TODAY + timedelta(days=days), today=TODAY) is None


def test_a_model_without_shutdown_date_is_not_mentioned() -> None:
    assert shutdown_notice(None, today=TODAY) is None


@given(st.integers(0, WARN_DAYS))
def test_the_last_sixty_days_are_counted_down(days: int) -> None:
    notice = shutdown_notice(TODAY + timedelta(days=days), today=TODAY)

    assert notice is not None
    assert (notice.days_left, notice.is_over) == (days, False)


@given(st.integers(1, 10_000))
def test_a_day_that_has_passed_is_said_to_be_over(days: int) -> None:
    notice = shutdown_notice(TODAY - timedelta(days=days), today=TODAY)

    assert notice is not None
    assert notice.is_over
    assert str(notice) == f"was shut down on {TODAY - timedelta(days=days)}"
