"""Halving on a 429 and coming back."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.llm.rate_limit.congestion import LEAST_PER_S, CongestionControl


def send(throttle: CongestionControl, per_s: int, from_s: float, to_s: float) -> None:
    """Let that many go each second, whatever the throttle says."""
    for number in range(round((to_s - from_s) * per_s)):
        throttle.count(from_s + number / per_s)


def halved(per_s: int = 20, *, pause_s: float = 0.0) -> CongestionControl:
    """A throttle that met a 429 at 60 s, after a minute at that rate."""
    throttle = CongestionControl()
    send(throttle, per_s, 0.0, 60.0)
    throttle.halve(59.0, 60.0, 60.0 + pause_s)
    return throttle


def test_there_is_no_ceiling_before_the_first_429() -> None:
    throttle = CongestionControl()
    send(throttle, 1_000, 0.0, 5.0)

    assert throttle.rate_per_s(5.0) == math.inf
    assert throttle.wait_s(5.0, ahead=1_000) == 0


def test_a_429_halves_what_was_being_sent() -> None:
    assert halved(20).rate_per_s(60.0) == pytest.approx(10.0, rel=0.05)


def test_the_rate_that_met_the_limit_is_back_after_half_a_minute_and_grows_on() -> None:
    throttle = halved(20)

    assert throttle.rate_per_s(75.0) == pytest.approx(15.0, rel=0.05)
    assert throttle.rate_per_s(90.0) == pytest.approx(20.0, rel=0.05)
    assert throttle.rate_per_s(150.0) == pytest.approx(40.0, rel=0.05)


def test_the_other_calls_under_way_do_not_halve_again() -> None:
    throttle = halved(20)

    assert throttle.halve(59.9, 60.1, 60.1) is False
    assert throttle.rate_per_s(60.1) == pytest.approx(10.0, rel=0.05)


def test_a_call_begun_after_the_halving_halves_again() -> None:
    throttle = halved(20)

    assert throttle.halve(60.5, 61.0, 61.0) is True
    assert throttle.rate_per_s(61.0) == pytest.approx(5.0, rel=0.1)


def test_recovery_begins_after_the_pause() -> None:
    throttle = halved(20, pause_s=30.0)

    assert throttle.rate_per_s(90.0) == pytest.approx(10.0, rel=0.05)
    assert throttle.rate_per_s(105.0) == pytest.approx(15.0, rel=0.05)


def test_the_silence_of_a_pause_does_not_count_as_a_low_rate() -> None:
    throttle = halved(20, pause_s=60.0)
    throttle.count(120.0)

    throttle.halve(120.0, 120.1, 120.1)

    assert throttle.rate_per_s(120.1) == pytest.approx(5.0, rel=0.05)


def test_a_low_rate_is_never_stuck_low() -> None:
    throttle = CongestionControl()
    throttle.count(0.0)
    throttle.halve(0.0, 0.1, 0.1)

    assert throttle.rate_per_s(0.1) == LEAST_PER_S
    assert throttle.rate_per_s(60.1) >= 1.0


def test_after_a_lull_the_rate_of_a_named_limit_is_gained_back_within_a_minute() -> None:
    throttle = CongestionControl()
    throttle.count(0.0)
    throttle.halve(0.0, 0.1, 0.1, named_per_s=500.0)

    assert throttle.rate_per_s(0.1) < 1.0
    assert throttle.rate_per_s(60.1) >= 500.0


@settings(deadline=None, max_examples=50)
@given(seconds=st.floats(0.1, 20.0), step_s=st.floats(0.02, 0.3))
def test_what_goes_stays_below_the_ceiling(seconds: float, step_s: float) -> None:
    throttle, now_s, sent = halved(20), 60.0, 0
    while now_s < 60.0 + seconds:
        while throttle.wait_s(now_s) == 0:
            throttle.count(now_s)
            sent += 1
        now_s += step_s

    highest = throttle.rate_per_s(now_s)
    assert sent <= highest * (now_s - 60.0) + highest + 1
    assert sent >= throttle.rate_per_s(60.0) * (seconds - step_s)


@given(ahead=st.integers(0, 50))
def test_waiting_as_long_as_told_is_enough(ahead: int) -> None:
    throttle, now_s = halved(20), 60.0
    wait_s = throttle.wait_s(now_s, ahead)

    for _ in range(ahead):
        now_s += throttle.wait_s(now_s)
        throttle.count(now_s)

    assert throttle.wait_s(max(now_s, 60.0 + wait_s)) == 0


def test_a_429_after_a_lull_does_not_hold_a_backlog_up_where_the_provider_names_a_limit() -> None:
    throttle = CongestionControl()
    throttle.count(0.0)

    throttle.halve(0.0, 0.1, 0.1, named_per_s=60.0)

    assert throttle.rate_per_s(0.1) == LEAST_PER_S
    assert throttle.rate_per_s(20.1) == pytest.approx(20.0, rel=0.05)
