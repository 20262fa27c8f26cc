"""Figures that GrowthBook's statistics engine (gbstats) has in its own tests, and others that books have."""

import pytest

from consumer.operations.experiments.statistics.difference import (
    Difference,
    absolute_difference,
    relative_difference,
)
from consumer.operations.experiments.statistics.holm import holm
from consumer.operations.experiments.statistics.interval import always_valid, fixed_horizon
from consumer.operations.experiments.statistics.sample import Sample, from_sums, proportion
from consumer.operations.experiments.statistics.sample_ratio import sample_ratio_p

CONTROL, ARM = Sample(3407, 0.41, 3.9**2), Sample(3461, 0.70, 6.2**2)


def known(difference: Difference | None) -> Difference:
    assert difference is not None
    return difference


def test_welch_absolute() -> None:
    assert fixed_horizon(known(absolute_difference(CONTROL, ARM))).p_value == pytest.approx(0.02016, abs=5e-6)


def test_welch_relative_by_the_delta_method() -> None:
    difference = known(relative_difference(CONTROL, ARM))
    interval = fixed_horizon(difference)
    found = (difference.estimate, interval.low, interval.high, interval.p_value)
    assert found == pytest.approx((0.70732, -0.03526, 1.44989, 0.06191), abs=5e-6)


def test_the_confidence_sequence_of_means() -> None:
    control = from_sums(3000, 1396.87, 52377.9767)
    arm = from_sums(3461, 2422.7, 134698.29)
    difference = known(relative_difference(control, arm))
    interval = always_valid(difference, tuning=1000)
    assert (difference.estimate, interval.low, interval.high) == pytest.approx((0.50336, -0.55844, 1.56516), abs=5e-6)
    assert interval.p_value == 1


def test_the_confidence_sequence_of_proportions() -> None:
    difference = known(relative_difference(proportion(1396, 3000), proportion(2422, 3461)))
    interval = always_valid(difference, tuning=5000)
    assert (difference.estimate, interval.low, interval.high) == pytest.approx((0.50386, 0.40098, 0.60675), abs=5e-6)
    assert interval.p_value < 1e-5


def test_holm_as_r_adjusts() -> None:
    # the figures of p.adjust with the method "holm"
    assert holm([0.01, 0.02, 0.03, 0.005]) == pytest.approx([0.03, 0.04, 0.04, 0.02])


def test_mendels_peas_are_as_he_expected() -> None:
    # 315, 108, 101, 32 at 9:3:3:1; chi-square 0.47 with 3 degrees of freedom
    assert sample_ratio_p([315, 108, 101, 32], [9, 3, 3, 1]) == pytest.approx(0.9254, abs=5e-5)
