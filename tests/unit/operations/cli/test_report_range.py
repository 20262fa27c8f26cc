from datetime import UTC, datetime, timedelta

import pytest

from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.report.scope import Range, chosen_range

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
WEEK = 7


def chosen(since: str = "", until: str = "", days: int | None = None, timezone: str = "UTC") -> Range:
    """The range of options as the command line gives them: moments without an offset."""
    begin, end = (datetime.fromisoformat(text) if text else None for text in (since, until))
    return chosen_range(begin, end, days, timezone, now=NOW, usual_days=WEEK)


def test_without_options_it_is_the_usual_days_up_to_now_and_open() -> None:
    assert chosen() == Range(NOW - timedelta(days=WEEK), None, "UTC")


def test_days_reach_back_from_until_or_from_now() -> None:
    assert chosen(days=2).since == NOW - timedelta(days=2)
    assert chosen(until="2026-11-10", days=2).since == datetime(2026, 11, 8, tzinfo=UTC)


def test_moments_are_those_of_the_timezone() -> None:
    assert chosen(since="2026-11-20", until="2026-11-21 12:00", timezone="Asia/Seoul") == Range(
        datetime(2026, 11, 19, 15, tzinfo=UTC), datetime(2026, 11, 21, 3, tzinfo=UTC), "Asia/Seoul"
    )


@pytest.mark.parametrize(
    ("since", "until", "days", "timezone", "message"),
    [
        ("2026-11-02", "2026-11-02", None, "UTC", "the range is empty: --since 2026-11-02 00:00 is not before --until"),
        ("2026-11-03", "2026-11-02", None, "UTC", "the range is empty"),
        ("2999-01-01", "", None, "UTC", "is not before now"),
        ("2026-11-02", "", 3, "UTC", "--since or --days"),
        ("", "", None, "Asia/Pyeongchang-2", "--timezone: 'Asia/Pyeongchang-2' is not a time zone"),
        ("", "", None, "../etc/passwd", "--timezone"),
    ],
)
def test_what_leaves_no_time_or_contradicts_itself_is_refused(
    since: str, until: str, days: int | None, timezone: str, message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        chosen(since, until, days, timezone)
