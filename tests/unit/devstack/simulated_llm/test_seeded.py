from hypothesis import given
from hypothesis import strategies as st

from devstack.simulated_llm.seeded import Picker, quantile


@given(st.integers(), st.text())
def test_a_quantile_lies_strictly_between_0_and_1(seed: int, text: str) -> None:
    assert 0 < quantile(seed, text) < 1


def test_draws_repeat_for_one_seed_and_differ_between_seeds() -> None:
    assert quantile(1, "call") == quantile(1, "call")
    assert len({quantile(seed, "call") for seed in range(100)}) == 100


def test_parts_that_join_to_the_same_text_give_different_draws() -> None:
    assert quantile(1, "ab", "c") != quantile(1, "a", "bc")


def test_quantiles_are_spread_evenly() -> None:
    draws = [quantile(1, str(number)) for number in range(2000)]
    for tenth in range(10):
        assert 120 < sum(tenth <= draw * 10 < tenth + 1 for draw in draws) < 280


@given(st.integers(), st.lists(st.integers(min_value=1, max_value=20), max_size=10))
def test_picks_stay_within_their_bounds_and_repeat(seed: int, bounds: list[int]) -> None:
    first, second = Picker(seed, "post"), Picker(seed, "post")
    picks = [first.below(bound) for bound in bounds]
    assert all(0 <= pick < bound for pick, bound in zip(picks, bounds, strict=True))
    assert picks == [second.below(bound) for bound in bounds]
