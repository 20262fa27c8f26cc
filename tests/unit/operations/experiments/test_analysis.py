"""From sums to comparisons: what is tested and how, for which units, and what the sentence says of it."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.operations.cli.experiments.report_view import notes
from consumer.operations.experiments.analysis import Analysis, analyse
from consumer.operations.experiments.comparison import Basis, Comparison, Role
from consumer.operations.experiments.document import document
from consumer.operations.experiments.units import Scale, failure_rate, sample_of, sample_per_assigned
from consumer.operations.experiments.verdict import verdict
from repository.operations.experiment_figures import EarlierMean
from schemas.experiments import AssignmentUnit
from tests.support.experiments import counts, experiment, figures, spent, sums

OVERLAY = AssignmentUnit.OVERLAY


def likes(number: int, *, lift: float = 1.0, seed: int = 1, size: float = 100) -> list[float]:
    draw = random.Random(seed)
    return [round(size * lift * draw.lognormvariate(0, 0.4)) for _ in range(number)]


def analysed(control: Sequence[float], arm: Sequence[float], *, minimal_effect: float | None = None) -> Analysis:
    return analyse(
        figures(
            experiment("plain", "warm", minimal_effect=minimal_effect),
            counts=[counts("plain", len(control)), counts("warm", len(arm))],
            outcomes=[sums("plain", "likes", control), sums("warm", "likes", arm)],
        )
    )


def only_headline(analysis: Analysis) -> Comparison:
    [headline] = analysis.headlines
    return headline


def test_an_outcome_is_tested_on_the_log_scale_and_shown_raw_and_per_assigned_beside_it() -> None:
    analysis = analysed(likes(500), likes(500, lift=1.5, seed=2))
    kinds = [(one.role, one.scale, one.basis) for one in analysis.comparisons if one.metric == "likes"]
    assert kinds == [
        (Role.HEADLINE, Scale.LOG, Basis.POST),
        (Role.BESIDE, Scale.RAW, Basis.POST),
        (Role.BESIDE, Scale.RAW, Basis.ASSIGNED),
    ]


def test_a_true_lift_is_shown_and_told_with_its_range() -> None:
    analysis = analysed(likes(500), likes(500, lift=1.5, seed=2))
    headline = only_headline(analysis)
    assert headline.relative is not None
    assert headline.relative.estimate == pytest.approx(0.5, abs=0.1)
    assert headline.is_shown
    assert verdict(analysis).startswith('"warm" has ')
    assert '% more likes than "plain" (between +' in verdict(analysis)
    assert verdict(analysis).endswith(", however often one looks).")


def test_without_a_difference_nothing_is_claimed_and_the_posts_that_it_takes_are_named() -> None:
    analysis = analysed(likes(200), likes(200, seed=2), minimal_effect=0.1)
    assert not only_headline(analysis).is_shown
    said = verdict(analysis)
    assert said.startswith('No difference is shown so far: likes of "warm" differ by something between -')
    assert "to find a difference of 10% it takes about " in said
    assert said.endswith("posts with outcomes, and there are 400.")


def test_nothing_is_said_without_outcomes_or_with_a_handful() -> None:
    assert verdict(analyse(figures(experiment("plain", "warm")))) == (
        "Nothing can be said yet: too few posts of the experiment have outcomes."
    )
    assert verdict(analysed(likes(4), likes(400))).startswith(("Nothing can be said", "The variants cannot"))


def test_what_can_be_negative_is_compared_as_it_is() -> None:
    analysis = analysed([-5.0, *likes(100)], [-3.0, *likes(100, seed=2)])
    assert only_headline(analysis).scale is Scale.RAW
    assert only_headline(analysis).absolute is not None


def test_what_is_known_of_the_tenants_narrows_the_interval() -> None:
    sizes = {f"t{number}": 10.0 * 2**number for number in range(8)}
    outcomes = [
        sums(variant, "likes", likes(30, size=size, seed=place), tenant=tenant)
        for place, (tenant, size) in enumerate(sizes.items())
        for variant in ("plain", "warm")
    ]
    about = experiment("plain", "warm")
    earlier = [
        EarlierMean(tenant_id=tenant, metric="likes", posts=9, mean=size, log_mean=place * 0.69)
        for place, (tenant, size) in enumerate(sizes.items())
    ]

    def width(known: Sequence[EarlierMean]) -> float:
        headline = only_headline(analyse(figures(about, outcomes=outcomes, earlier=known)))
        assert headline.relative is not None
        return headline.relative.always_valid.high - headline.relative.always_valid.low

    adjusted = only_headline(analyse(figures(about, outcomes=outcomes, earlier=earlier)))
    assert adjusted.adjusted_for_earlier_mean == pytest.approx(0.92, abs=0.06)
    assert width(earlier) < width([]) / 3


def test_tenants_that_were_assigned_count_once_each() -> None:
    about = experiment("plain", "warm", unit=AssignmentUnit.TENANT)
    outcomes = [
        sums(variant, "likes", likes(100, seed=place), tenant=f"{variant}{place}")
        for variant in ("plain", "warm")
        for place in range(6)
    ]
    analysis = analyse(figures(about, outcomes=outcomes, counts=[counts("plain", 100, tenant="plain0")]))
    assert (only_headline(analysis).control_units, only_headline(analysis).variant_units) == (6, 6)
    assert [ratio.counts for ratio in analysis.sample_ratios] == [{"plain": 1, "warm": 0}] * 3


@pytest.mark.parametrize(("by_batch", "is_suspicious"), [((100, 110), False), ((100, 190), True), ((0, 0), False)])
def test_arms_that_differ_in_what_came_by_batch_are_suspected(
    *, by_batch: tuple[int, int], is_suspicious: bool
) -> None:
    both = [counts(name, 500, by_batch=count) for name, count in zip(("plain", "warm"), by_batch, strict=True)]
    analysis = analyse(figures(experiment("plain", "warm"), counts=both))
    assert [arm.by_batch for arm in analysis.arms] == list(by_batch)
    assert analysis.batch_share.stored == {"plain": 500, "warm": 500}
    assert analysis.batch_share.is_suspicious is is_suspicious
    assert document(analysis)["by_batch"]["is_suspicious"] is is_suspicious
    said = list(notes(analysis))
    assert any(note.startswith("WARNING: the variants differ in how many posts") for note in said) is is_suspicious
    assert any(f"plain {by_batch[0]} of 500" in note for note in said) is any(by_batch)


def test_where_tenants_are_the_unit_tenants_by_batch_are_compared() -> None:
    about = experiment("plain", "warm", unit=AssignmentUnit.TENANT)
    rows = [counts("plain", 900, tenant="a", by_batch=900), counts("warm", 900, tenant="b")]
    share = analyse(figures(about, counts=rows)).batch_share
    assert (share.counts, share.stored) == ({"plain": 1, "warm": 0}, {"plain": 1, "warm": 1})
    assert not share.is_suspicious


def test_a_tuning_that_was_chosen_is_said_to_be_no_part_of_the_experiment() -> None:
    both = figures(experiment("plain", "warm"))
    told = "is not stored"
    assert not any(told in note for note in notes(analyse(both)))
    assert any(told in note for note in notes(analyse(both, tuning=700)))


def test_per_assigned_a_failed_overlay_counts_nought_also_where_tenants_are_the_unit() -> None:
    rows = [sums("warm", "likes", [10.0, 20.0], tenant="a")]
    arm = [
        counts("warm", 2, failed=2, tenant="a"),
        counts("warm", 0, failed=3, tenant="b"),
        counts("warm", 5, tenant="c"),
    ]
    assert sample_per_assigned(rows, arm, unit=AssignmentUnit.TENANT).mean == pytest.approx((7.5 + 0) / 2)
    assert failure_rate(arm, unit=AssignmentUnit.TENANT).mean == pytest.approx((0.5 + 1 + 0) / 3)
    assert failure_rate(arm, unit=AssignmentUnit.OVERLAY).mean == pytest.approx(5 / 12)


def test_an_arm_that_fails_more_is_said_to_even_if_its_posts_do_better() -> None:
    analysis = analyse(
        figures(
            experiment("plain", "warm"),
            counts=[counts("plain", 2000, failed=20), counts("warm", 1900, failed=120)],
            outcomes=[sums("plain", "likes", likes(2000)), sums("warm", "likes", likes(1900, lift=1.5, seed=2))],
        )
    )
    said = verdict(analysis)
    assert said.startswith(
        '"warm" fails more often than "plain" (5.9% and 1.0% of the overlays have no post); "warm" has '
    )


def test_arms_that_are_not_as_large_as_planned_are_not_compared() -> None:
    analysis = analyse(
        figures(
            experiment("plain", "warm"),
            counts=[counts("plain", 5000), counts("warm", 4400)],
            outcomes=[sums("plain", "likes", likes(500)), sums("warm", "likes", likes(500, lift=2))],
        )
    )
    assert verdict(analysis) == (
        'The variants cannot be compared, since of 9,400 overlays that were assigned 5,000 are of "plain", '
        "where 4,700 were to be expected."
    )


def test_the_more_is_compared_the_more_a_claim_takes() -> None:
    about = experiment("plain", "warm", "short")
    metrics = ("likes", "reach", "saves")
    outcomes = [
        sums(variant, metric, likes(400, lift=lift, seed=place))
        for metric in metrics
        for place, (variant, lift) in enumerate([("plain", 1.0), ("warm", 1.1), ("short", 1.0)])
    ]
    analysis = analyse(figures(about, outcomes=outcomes))
    assert len(analysis.headlines) == 6
    for one in analysis.headlines:
        assert one.relative is not None
        assert one.holm_always_valid_p is not None
        assert one.holm_always_valid_p >= one.relative.always_valid.p_value
    alone = only_headline(analysed(likes(400), likes(400, lift=1.1, seed=1)))
    assert alone.needed is not None
    assert analysis.headlines[0].needed is not None
    assert (alone.needed.always_valid or 0) < (analysis.headlines[0].needed.always_valid or 0)


def test_what_the_posts_are_like_is_described_and_not_tested() -> None:
    analysis = analyse(
        figures(
            experiment("plain", "warm"),
            counts=[counts("plain", 9), counts("warm", 9)],
            posts=[
                sums("plain", "latency_ms", [900.0] * 8 + [1000.0]),
                sums("warm", "latency_ms", [700.0] * 8 + [800.0]),
                sums("warm", "cost_usd", [0.002] * 9),
            ],
        )
    )
    [latency] = [one for one in analysis.comparisons if one.metric == "latency_ms"]
    assert (latency.role, latency.holm_always_valid_p) == (Role.DESCRIPTION, None)
    assert latency.absolute is not None
    assert latency.absolute.estimate == pytest.approx(-200)
    assert [arm.cost_per_post_usd for arm in analysis.arms] == [None, pytest.approx(0.002)]


def cost_per_post(analysis: Analysis) -> Comparison:
    [found] = [one for one in analysis.comparisons if one.metric == "cost_per_post_usd"]
    return found


def test_what_a_post_costs_is_compared_with_its_share_of_the_failures() -> None:
    spending = [spent("plain", decided=1000, stored=1000), spent("warm", decided=1000, stored=800)]
    found = cost_per_post(analyse(figures(experiment("plain", "warm"), spending=spending)))
    assert (found.role, found.control_mean, found.variant_mean) == (Role.DESCRIPTION, 1.0, 1.25)
    assert found.absolute is not None
    assert found.absolute.estimate == pytest.approx(0.25)
    assert found.absolute.always_valid.low < found.absolute.fixed_horizon.low
    # the inverse of a share of 0.8 among 1,000
    half = 1.96 * (0.8 * 0.2 / 1000) ** 0.5 / 0.8**2
    assert found.absolute.fixed_horizon.low == pytest.approx(0.25 - half, rel=0.01)


def test_where_tenants_are_the_unit_what_a_post_costs_is_known_from_the_tenants() -> None:
    about = experiment("plain", "warm", unit=AssignmentUnit.TENANT)
    spending = [
        spent(variant, decided=10 * size, stored=(10 - size % 3) * size, tenant=f"{variant}{size}")
        for variant in ("plain", "warm")
        for size in range(1, 7)
    ]
    found = cost_per_post(analyse(figures(about, spending=spending)))
    assert (found.control_units, found.variant_units) == (6, 6)
    assert found.control_mean == pytest.approx(1 / 0.9)
    assert found.absolute is not None


def test_without_a_post_there_is_no_cost_of_one() -> None:
    spending = [spent("plain", decided=9, stored=9), spent("warm", decided=9, stored=0)]
    assert cost_per_post(analyse(figures(experiment("plain", "warm"), spending=spending))).absolute is None


@given(st.lists(st.lists(st.floats(0, 1e4), min_size=1, max_size=6), min_size=1, max_size=6))
def test_posts_that_were_assigned_one_by_one_are_one_sample_whatever_shop_they_are_of(shops: list[list[float]]) -> None:
    rows = [sums("warm", "likes", values, tenant=f"t{place}") for place, values in enumerate(shops)]
    together = sample_of([sums("warm", "likes", [value for values in shops for value in values])], unit=OVERLAY)
    apart = sample_of(rows, unit=OVERLAY)
    assert apart.n == together.n
    assert apart.mean == pytest.approx(together.mean)
    assert apart.variance == pytest.approx(together.variance, rel=1e-6, abs=1e-3)
