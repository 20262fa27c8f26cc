from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.operations.reports.scale import milliseconds, short, ticks, usd

heights = st.floats(1e-6, 1e12)


@given(heights)
def test_an_axis_begins_at_zero_reaches_the_highest_value_and_has_even_steps(highest: float) -> None:
    axis = ticks(highest)
    steps = [other - one for one, other in pairwise(axis)]

    assert axis[0] == 0
    assert axis[-1] >= highest * 0.999
    assert 2 <= len(axis) <= 6
    assert max(steps) == pytest.approx(min(steps), rel=0.01, abs=2e-9)


@given(st.integers(1, 10**9))
def test_an_axis_of_counts_has_whole_numbers(highest: int) -> None:
    axis = ticks(highest, whole=True)

    assert all(value == int(value) for value in axis)
    assert axis[-1] >= highest


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "0.25"), (950, "950"), (1_200, "1.2k"), (61_500_000, "61.5M"), (3_000_000_000, "3B")],
)
def test_figures_are_short(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "$0"), (0.0004, "$0.0004"), (0.05, "$0.05"), (1.5, "$1.5"), (2_000, "$2k")]
)
def test_amounts_keep_the_decimals_that_they_need(value: float, text: str) -> None:
    assert usd(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0 ms"), (250, "250 ms"), (1_500, "1.5 s")])
def test_durations_have_the_unit_that_suits_them(value: float, text: str) -> None:
    assert milliseconds(value) == text
