"""One learned limit: pacing, remainder, period."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.llm.rate_limit.headers import Quota
from consumer.llm.rate_limit.token_bucket import DAY_S, MINUTE_S, TokenBucket, period_s

LIMITS = st.integers(1, 600)
GAPS_S = st.lists(st.one_of(st.just(0.0), st.floats(0.001, 90.0)), min_size=1, max_size=20)


def take_all(bucket: TokenBucket, amount: float, now_s: float, *, at_most: int = 100_000) -> int:
    """How often `amount` can be spent at this moment."""
    taken = 0
    while taken < at_most and bucket.wait_s(amount, now_s) == 0:
        bucket.spend(amount)
        taken += 1
    return taken


def most_in_a_minute(spent: list[tuple[float, float]]) -> float:
    """The largest sum of amounts within any window of a minute."""
    window, total, most = deque[tuple[float, float]](), 0.0, 0.0
    for at_s, amount in spent:
        window.append((at_s, amount))
        total += amount
        while window[0][0] <= at_s - MINUTE_S:
            total -= window.popleft()[1]
        most = max(most, total)
    return most


@settings(deadline=None, max_examples=50)
@given(limit=LIMITS, gaps_s=GAPS_S)
def test_no_minute_lets_through_more_than_the_limit_a_tenth_and_the_burst(limit: int, gaps_s: list[float]) -> None:
    bucket, now_s, spent = TokenBucket(Quota(limit), 0.0), 0.0, list[tuple[float, float]]()
    for gap_s in gaps_s:
        now_s += gap_s
        spent += [(now_s, 1.0)] * take_all(bucket, 1, now_s)
        now_s += bucket.wait_s(1, now_s)

    assert most_in_a_minute(spent) <= 1.1 * limit + (limit / 60 + 1) + 1


@given(
    limit=st.integers(100, 1_000_000),
    amounts=st.lists(st.floats(0.01, 0.9), min_size=1, max_size=60),
)
def test_amounts_larger_than_the_burst_are_let_through_and_paid_off(limit: int, amounts: list[float]) -> None:
    bucket, now_s, spent = TokenBucket(Quota(limit), 0.0), 0.0, list[tuple[float, float]]()
    for share in amounts:
        now_s += bucket.wait_s(share * limit, now_s)
        bucket.spend(share * limit)
        spent.append((now_s, share * limit))

    assert most_in_a_minute(spent) <= 1.1 * limit + limit / 60 + max(amounts) * limit


@given(limit=LIMITS, amount=st.floats(0.1, 3_000), spent=st.floats(0, 3_000), ahead=st.floats(0, 100))
def test_waiting_as_long_as_told_is_enough(limit: int, amount: float, spent: float, ahead: float) -> None:
    bucket = TokenBucket(Quota(limit), 0.0)
    bucket.spend(spent)

    wait_s = bucket.wait_s(amount, 0.0, ahead)

    assert bucket.wait_s(min(amount, limit), wait_s) == 0


@settings(deadline=None, max_examples=50)
@given(limit=st.integers(60, 600), step_s=st.floats(0.1, 0.9))
def test_with_demand_above_the_limit_all_of_it_is_used(limit: int, step_s: float) -> None:
    bucket, taken = TokenBucket(Quota(limit), 0.0), 0
    for step in range(int(120 / step_s)):
        taken += take_all(bucket, 1, step * step_s)

    assert taken >= 0.95 * 2 * limit


def test_a_pause_saves_up_no_more_than_the_burst() -> None:
    bucket = TokenBucket(Quota(600, remaining=300), 0.0)
    take_all(bucket, 1, 0.0)

    assert take_all(bucket, 1, 3_600.0) == 11


def test_the_less_remains_for_all_the_slower_the_pace() -> None:
    paces = [TokenBucket(Quota(600, remaining), 0.0).pace_per_s for remaining in (600, 540, 300, 150, 60, 0)]

    assert paces == pytest.approx([20.0, 10.0, 10.0, 5.0, 2.0, 0.5])


def test_nothing_goes_while_the_provider_has_nothing_left() -> None:
    bucket = TokenBucket(Quota(600, remaining=100), 0.0)
    bucket.learn(Quota(600, remaining=0), 1.0)

    assert bucket.wait_s(1, 1.0) == pytest.approx(0.1)


def test_what_remains_is_carried_forward_between_answers() -> None:
    bucket = TokenBucket(Quota(600, remaining=0), 0.0)

    bucket.learn(Quota(600), 15.0)

    assert bucket.pace_per_s == pytest.approx(5.0), "a quarter has come in, which is half of comfortable"


def test_more_than_the_limit_waits_for_all_of_it_and_is_left_to_the_provider() -> None:
    bucket = TokenBucket(Quota(600, remaining=300), 0.0)

    assert bucket.wait_s(10_000, 0.0) == pytest.approx(30.0)
    assert bucket.wait_s(10_000, 31.0) == 0


def test_giving_back_undoes_spending() -> None:
    bucket = TokenBucket(Quota(600, remaining=300), 0.0)
    take_all(bucket, 1, 0.0)

    bucket.spend(-3)

    assert take_all(bucket, 1, 0.0) == 3


def test_a_raised_limit_raises_the_pace_at_once() -> None:
    bucket = TokenBucket(Quota(60), 0.0)

    bucket.learn(Quota(6_000, remaining=3_000), 1.0)

    assert bucket.pace_per_s == 100.0


def test_a_clock_that_goes_back_adds_nothing() -> None:
    bucket = TokenBucket(Quota(600, remaining=300), 100.0)
    take_all(bucket, 1, 100.0)

    assert take_all(bucket, 1, 50.0) == 0
    assert take_all(bucket, 1, 100.0) == 0


@pytest.mark.parametrize(
    ("quota", "period"),
    [
        (Quota(10_000, 9_000, 8_640.0), DAY_S),
        (Quota(10_000, 9_999, 8.64), DAY_S),
        (Quota(1_500_000, 1_495_621, 252.172), DAY_S),
        (Quota(10_000, 9_481, 3.114), MINUTE_S),
        (Quota(200, 199, 59.7), MINUTE_S),
        (Quota(150_000, 149_984, 360.0), MINUTE_S),
        (Quota(200_000, 199_978, 0.006), None),
        (Quota(10_000, 10_000, 0.0), None),
        (Quota(10_000, 10_000, 5.0), None),
        (Quota(10_000, None, 8.64), None),
        (Quota(10_000, 9_999, None), None),
    ],
)
def test_the_time_until_the_reset_tells_a_day_from_a_minute(quota: Quota, period: float | None) -> None:
    assert period_s(quota) == period


def test_a_limit_for_a_day_is_not_paced_but_kept() -> None:
    bucket = TokenBucket(Quota(10_000, 10_000, 0.0), 0.0)
    bucket.learn(Quota(10_000, 9_999, 8.64), 1.0)

    assert take_all(bucket, 1, 1.0) == 9_999
    assert bucket.wait_s(1, 1.0) == pytest.approx(8.64)


def test_a_limit_for_a_day_leaves_what_others_have_not_taken() -> None:
    bucket = TokenBucket(Quota(10_000, 9_999, 8.64), 0.0)

    bucket.learn(Quota(10_000, 20, 86_227.2), 1.0)

    assert take_all(bucket, 1, 1.0) == 20
