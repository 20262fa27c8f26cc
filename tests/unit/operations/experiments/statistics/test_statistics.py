"""Properties of the comparisons that hold whatever the figures are."""

import math
import statistics as stdlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from consumer.operations.experiments.statistics.cuped import NO_SUMS, PairedSums, adjusted
from consumer.operations.experiments.statistics.difference import absolute_difference, relative_difference
from consumer.operations.experiments.statistics.holm import holm
from consumer.operations.experiments.statistics.interval import always_valid, fixed_horizon
from consumer.operations.experiments.statistics.power import units_needed
from consumer.operations.experiments.statistics.sample import (
    NO_SAMPLE,
    Sample,
    from_sums,
    from_values,
    per_assigned,
    proportion,
    ratio_of_means,
)
from consumer.operations.experiments.statistics.sample_ratio import SUSPICIOUS, same_share_p, sample_ratio_p

figures = st.floats(-1e4, 1e4)
samples = st.builds(Sample, st.integers(2, 10**6), st.floats(0.1, 1e4), st.floats(0.01, 1e6))
pairs = st.lists(st.tuples(figures, figures), min_size=3, max_size=30)


def sums(units: list[tuple[float, float]]) -> PairedSums:
    each = [PairedSums(1, y, y * y, x, x * x, x * y) for y, x in units]
    return sum(each, NO_SUMS)


@given(st.lists(figures, min_size=2, max_size=50))
def test_a_sample_from_sums_is_that_of_the_values(values: list[float]) -> None:
    found = from_sums(len(values), sum(values), sum(value * value for value in values))
    assert found.mean == pytest.approx(stdlib.fmean(values), abs=1e-6)
    assert found.variance == pytest.approx(stdlib.variance(values), rel=1e-6, abs=1e-3)
    assert from_values(values).variance == pytest.approx(stdlib.variance(values), rel=1e-9, abs=1e-9)


@given(samples, samples)
def test_swapping_the_arms_turns_the_absolute_difference_round(control: Sample, arm: Sample) -> None:
    there, back = absolute_difference(control, arm), absolute_difference(arm, control)
    assert there is not None
    assert back is not None
    assert (there.estimate, there.standard_error) == pytest.approx((-back.estimate, back.standard_error))


@given(samples, samples, st.floats(10, 1e5))
def test_who_may_peek_pays_with_a_wider_interval(control: Sample, arm: Sample, tuning: float) -> None:
    assume(min(control.n, arm.n) > 500)  # where Student's t is as good as normal
    difference = absolute_difference(control, arm)
    assert difference is not None
    once, always = fixed_horizon(difference), always_valid(difference, tuning=tuning)
    assert always.low < once.low < once.high < always.high


@given(samples, samples, st.floats(10, 1e5))
def test_an_interval_leaves_out_no_difference_just_when_its_p_value_is_below_the_level(
    control: Sample, arm: Sample, tuning: float
) -> None:
    difference = absolute_difference(control, arm)
    assert difference is not None
    for interval in (fixed_horizon(difference), always_valid(difference, tuning=tuning)):
        assume(abs(interval.p_value - 0.05) > 1e-9)
        assert (interval.p_value < 0.05) == (not interval.low <= 0 <= interval.high)


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_lowers_a_p_value_keeps_their_order_and_multiplies_the_least(p_values: list[float]) -> None:
    adjusted_ones = holm(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, adjusted_ones, strict=True))
    assert sorted(adjusted_ones) == [after for _, after in sorted(zip(p_values, adjusted_ones, strict=True))]
    if p_values:
        assert min(adjusted_ones) == pytest.approx(min(1, min(p_values) * len(p_values)))


@pytest.mark.parametrize("nothing", [NO_SAMPLE, Sample(1, 3.0, 0.0)])
def test_nothing_is_said_of_an_arm_without_units(nothing: Sample) -> None:
    some = Sample(9, 3.0, 1.0)
    assert absolute_difference(some, nothing) is relative_difference(nothing, some) is None


def test_nothing_relative_is_said_of_a_control_of_nothing_or_of_figures_that_are_all_alike() -> None:
    assert relative_difference(Sample(9, 0.0, 1.0), Sample(9, 1.0, 1.0)) is None
    assert absolute_difference(Sample(9, 1.0, 0.0), Sample(9, 1.0, 0.0)) is None


@given(pairs, pairs)
def test_cuped_never_makes_the_variance_within_the_arms_larger(
    control: list[tuple[float, float]], arm: list[tuple[float, float]]
) -> None:
    found = adjusted(sums(control), sums(arm))
    if found is not None:
        assert -1e-6 <= found.explained <= 1 + 1e-6


def test_cuped_takes_out_what_was_known_before() -> None:
    control = [(10.0, 1.0), (20.0, 2.0), (30.0, 3.0)]
    arm = [(12.0, 1.0), (22.0, 2.0), (42.0, 4.0)]
    found = adjusted(sums(control), sums(arm))
    assert found is not None
    assert found.arm.mean - found.control.mean == pytest.approx(2)
    assert found.explained == pytest.approx(1)


def test_cuped_needs_something_known_before() -> None:
    units = [(1.0, 0.0), (2.0, 0.0), (3.0, 0.0)]
    assert adjusted(sums(units), sums(units)) is None
    assert adjusted(NO_SUMS, NO_SUMS) is None


@given(st.integers(1, 5000), st.integers(0, 500), st.floats(0.1, 100), st.floats(0, 100))
def test_per_assigned_is_as_if_each_failure_counted_nought(posts: int, failed: int, mean: float, spread: float) -> None:
    total, squares = posts * mean, (posts - 1) * spread + posts * mean**2
    direct = from_sums(posts + failed, total, squares)
    found = per_assigned(from_sums(posts, total, squares), posts, posts + failed)
    assert found.n == direct.n
    assert found.mean == pytest.approx(direct.mean)
    if posts > 1000:
        assert found.variance == pytest.approx(direct.variance, rel=0.01)


def test_looking_as_often_as_one_likes_costs_about_1_9_times_the_posts() -> None:
    of_both = Sample(100, 0.0, 1.0)
    needed = units_needed(of_both, of_both, 0.1, control_share=0.5, tuning=6000)
    assert needed is not None
    assert needed.fixed_horizon is not None
    assert needed.always_valid is not None
    assert needed.fixed_horizon == pytest.approx(3140, abs=1)
    assert needed.always_valid / needed.fixed_horizon == pytest.approx(1.91, abs=0.02)


@given(st.floats(0.01, 10), st.floats(0.001, 1), st.floats(0.1, 0.9))
def test_a_smaller_effect_or_more_comparisons_take_more_units(variance: float, effect: float, share: float) -> None:
    sample = Sample(100, 0.0, variance)

    def needed(size: float, comparisons: int = 1) -> list[int]:
        found = units_needed(sample, sample, size, control_share=share, tuning=5000, comparisons=comparisons)
        assert found is not None
        assert found.fixed_horizon is not None
        assert found.always_valid is not None
        return [found.fixed_horizon, found.always_valid]

    at_first, smaller, more = needed(effect), needed(effect / 2), needed(effect, comparisons=6)
    assert all(map(int.__le__, at_first, smaller))
    assert all(map(int.__le__, at_first, more))


def test_an_effect_that_cannot_be_found_is_said_to_be_none() -> None:
    sample = Sample(100, 0.0, 1e9)
    assert units_needed(sample, sample, 1e-9, control_share=0.5, tuning=5000) is not None
    assert units_needed(sample, sample, 0.0, control_share=0.5, tuning=5000) is None
    assert units_needed(Sample(9, 1.0, 0.0), Sample(9, 1.0, 0.0), 0.1, control_share=0.5, tuning=5000) is None


def test_a_loss_of_an_eighth_of_one_arm_is_suspicious_and_an_honest_draw_is_not() -> None:
    assert sample_ratio_p([5000, 4400], [1, 1]) < SUSPICIOUS
    assert sample_ratio_p([6960, 3040], [0.7, 0.3]) > SUSPICIOUS
    assert sample_ratio_p([], []) == sample_ratio_p([5], [1]) == sample_ratio_p([0, 0], [1, 1]) == 1


def test_a_proportion_varies_as_a_coin_does() -> None:
    assert proportion(3, 12) == Sample(12, 0.25, 0.1875)
    assert math.isclose(proportion(0, 0).mean, 0)


def test_shares_of_arms_are_compared_as_a_chi_square_of_their_table_does() -> None:
    expected = chi2_contingency([[30, 20, 50], [70, 180, 250]], correction=False).pvalue
    assert same_share_p([30, 20, 50], [100, 200, 300]) == pytest.approx(expected)
    for parts, wholes in (([], []), ([0, 0], [5, 5]), ([5, 5], [5, 5]), ([1, 0], [2, 0])):
        assert same_share_p(parts, wholes) == 1


def test_what_a_success_costs_and_how_sure_that_is_are_those_of_a_calculation_by_hand() -> None:
    # four overlays at 1, 2, 3 and 2 dollars, the third without a post: 8 dollars for 3 posts
    found = ratio_of_means(4, (8, 3), (1 + 4 + 9 + 4, 1 + 2 + 2, 3))
    residuals = [1 - 8 / 3, 2 - 8 / 3, 3, 2 - 8 / 3]
    assert found.mean == pytest.approx(8 / 3)
    assert found.variance == pytest.approx(sum(one**2 for one in residuals) / 3 / 0.75**2)
    assert ratio_of_means(4, (8, 0), (18, 0, 0)) == ratio_of_means(0, (0, 0), (0, 0, 0)) == NO_SAMPLE


@given(st.lists(st.floats(0.1, 100), min_size=2, max_size=40))
def test_where_all_succeed_the_cost_of_a_success_is_the_mean_cost(costs: list[float]) -> None:
    n, total, squares = len(costs), sum(costs), sum(cost**2 for cost in costs)
    found = ratio_of_means(n, (total, n), (squares, total, n))
    plain = from_sums(n, total, squares)
    assert found.n == plain.n
    assert found.mean == pytest.approx(plain.mean)
    assert found.variance == pytest.approx(plain.variance, rel=1e-6, abs=1e-6)
