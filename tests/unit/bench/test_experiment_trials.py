"""How often the analysis of experiments errs, and how often it finds what is there: by simulation, fixed seeds."""

from bench import experiment_trials as trials


def test_two_equal_arms_seem_to_differ_in_one_of_twenty_experiments_that_are_looked_at_once() -> None:
    assert 0.04 <= trials.false_alarms_of_one_look() <= 0.06


def test_twenty_looks_at_equal_arms_cost_nothing_with_the_interval_that_is_always_valid() -> None:
    found = trials.false_alarms_of_peeking()
    assert found["always_valid"] <= 0.05
    assert found["fixed_horizon"] > 0.15  # which is why there are two


def test_the_number_of_posts_that_is_named_finds_the_effect_in_four_of_five_experiments() -> None:
    found = trials.power_at_the_number_named()
    assert found["power_always_valid"] >= 0.8
    assert found["power_fixed_horizon"] >= 0.78  # 0.8, give or take the luck of 2,000 draws


def test_tenants_are_compared_as_tenants() -> None:
    found = trials.false_alarms_of_tenants()
    assert found["per_tenant"] <= 0.06
    assert found["per_tenant_cuped"] <= 0.06
    assert found["per_tenant_peeking"] <= 0.05
    assert found["per_post"] > 0.5  # what it would be otherwise


def test_what_is_known_of_a_shop_from_before_finds_the_lift_that_its_size_hides() -> None:
    found = trials.lifts_found(trials=200)
    assert found["log_cuped"] > 0.85
    assert found["welch"] < 0.35


def test_a_lost_eighth_of_an_arm_is_noticed_and_an_honest_draw_is_not_suspected() -> None:
    found = trials.sample_ratio_warnings()
    assert found["loss_of_12_percent"] >= 0.99
    assert found["honest"] <= 0.01
