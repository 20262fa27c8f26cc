from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.simulated_llm.latency import ConstantLatency, LognormalLatency, parse_latency
from devstack.simulated_llm.seeded import quantile

quantiles = st.floats(min_value=1e-9, max_value=1 - 1e-9)


def test_both_spellings_are_read() -> None:
    assert parse_latency("constant:0.2") == ConstantLatency(0.2)
    assert parse_latency("lognormal:0.8:0.4") == LognormalLatency(0.8, 0.4)


@pytest.mark.parametrize(
    "text",
    ["", "0.2", "constant", "constant:", "constant:x", "constant:1:2", "lognormal:1", "constant:-1", "constant:nan"],
)
def test_anything_else_is_refused_with_the_spelling_wanted(text: str) -> None:
    with pytest.raises(ValueError, match="constant:SECONDS"):
        parse_latency(text)


@pytest.mark.parametrize("text", ["constant:0.2", "lognormal:0.8:0.4"])
def test_a_latency_is_spelled_as_it_is_read(text: str) -> None:
    assert str(parse_latency(text)) == text


@given(quantiles)
def test_a_constant_is_the_same_at_every_quantile(at: float) -> None:
    assert ConstantLatency(0.2).at(at) == 0.2


@given(quantiles, quantiles)
def test_a_higher_quantile_never_takes_less_time(one: float, other: float) -> None:
    latency = LognormalLatency(0.8, 0.4)
    assert 0 < latency.at(min(one, other)) <= latency.at(max(one, other))


def test_half_the_draws_are_below_the_median() -> None:
    latency = LognormalLatency(0.8, 0.4)
    draws = [latency.at(quantile(1, str(number))) for number in range(2000)]
    assert median(draws) == pytest.approx(0.8, rel=0.05)
