from datetime import datetime, timedelta
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.operations.reports.buckets import Bucket, bucket_for, bucket_starts, in_part

MOST_COLUMNS = 105

moments = st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2030-01-01"))
lengths = st.timedeltas(timedelta(seconds=1), timedelta(days=36_500))


@given(moments, lengths)
def test_buckets_cover_the_stretch_and_are_few_enough_to_see(since: datetime, length: timedelta) -> None:
    starts = bucket_starts(since, since + length, bucket_for(length))

    assert starts[0] <= since
    assert starts[-1] < since + length
    assert all(one < other for one, other in pairwise(starts))
    assert 1 <= len(starts) <= MOST_COLUMNS


@pytest.mark.parametrize(
    ("bucket", "first", "second"),
    [
        ("hour", "2026-12-30 15:00", "2026-12-30 16:00"),
        ("day", "2026-12-30", "2026-12-31"),
        ("week", "2026-12-28", "2027-01-04"),  # a Monday
        ("month", "2026-12-01", "2027-01-01"),
        ("year", "2026-01-01", "2027-01-01"),
    ],
)
def test_buckets_begin_where_the_calendar_does(bucket: Bucket, first: str, second: str) -> None:
    since, until = map(datetime.fromisoformat, ("2026-12-30 15:40", "2027-06-01"))

    starts = bucket_starts(since, until, bucket)

    assert starts[:2] == [*map(datetime.fromisoformat, (first, second))]


def test_every_bucket_is_tried_above() -> None:
    assert get_args(Bucket) == ("hour", "day", "week", "month", "year")


@given(moments, lengths)
def test_only_the_first_and_the_last_bucket_may_be_covered_in_part(since: datetime, length: timedelta) -> None:
    bucket = bucket_for(length)
    starts = bucket_starts(since, since + length, bucket)

    partial = in_part(starts, since, since + length, bucket)

    assert partial <= {0, len(starts) - 1}
    assert (0 in partial) or starts[0] == since


def test_whole_days_are_whole() -> None:
    since, until = datetime.fromisoformat("2026-11-01"), datetime.fromisoformat("2026-11-04")

    assert in_part(bucket_starts(since, until, "day"), since, until, "day") == frozenset()
