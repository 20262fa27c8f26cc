"""Where a replay begins and ends, as people say it."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.operations.replay.boundaries import EARLIEST, LATEST, Boundary, RangeError, parse_boundary
from consumer.operations.replay.ranges import chosen_partitions


@pytest.mark.parametrize(
    ("text", "boundary"),
    [
        ("earliest", EARLIEST),
        ("Latest", LATEST),
        ("1200", Boundary("offset", 1200)),
        ("2026-11-25T09:00:00Z", Boundary("time", 1_795_597_200_000)),
        ("2026-11-25T18:00:00+09:00", Boundary("time", 1_795_597_200_000)),
        ("2026-11-25 09:00", Boundary("time", 1_795_597_200_000)),
        ("2026-11-25", Boundary("time", 1_795_564_800_000)),
    ],
)
def test_a_boundary_is_an_end_an_offset_or_a_time_which_is_in_utc_if_it_does_not_say(
    text: str, boundary: Boundary
) -> None:
    assert parse_boundary(text) == boundary


@pytest.mark.parametrize("text", ["yesterday", "-1", "12.5", "", "2026-13-01"])
def test_what_is_no_boundary_is_told_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="expected earliest, latest, an offset"):
        parse_boundary(text)


@given(st.integers(0, 10**18 - 1))
def test_any_whole_number_is_an_offset(offset: int) -> None:
    assert parse_boundary(f" {offset} ") == Boundary("offset", offset)


@given(st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - bounds of Hypothesis are naive
def test_any_moment_is_a_time_to_the_millisecond(moment: datetime) -> None:
    assert abs(parse_boundary(moment.isoformat()).value - moment.timestamp() * 1_000) <= 0.5


def test_one_partition_is_chosen_or_all() -> None:
    assert [one.partition for one in chosen_partitions("topic", [0, 1, 2], None)] == [0, 1, 2]
    assert [one.partition for one in chosen_partitions("topic", [0, 1, 2], 1)] == [1]


@pytest.mark.parametrize(("numbers", "told"), [([], "no topic topic"), ([0, 1], "partitions 0 to 1, not 2")])
def test_a_partition_that_is_not_there_is_refused(numbers: list[int], told: str) -> None:
    with pytest.raises(RangeError, match=told):
        chosen_partitions("topic", numbers, 2)
