from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.errors import CallFailed, ContentFiltered, Deferred, LlmError, RequestRefused
from consumer.pipeline.retry import (
    LONGEST_WAIT_FOR_ROWS_S,
    GiveUp,
    RetryPolicy,
    TryAgain,
    after_error,
    after_failed_attempt,
    after_missing_rows,
)
from consumer.pipeline.retry import full_jitter_s as jitter_s
from schemas.reasons import Reason

policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 100),
    base_s=st.floats(0.001, 60),
    max_s=st.floats(0.001, 86_400),
)
randoms = st.floats(0, 1, exclude_max=True)
attempt_numbers = st.integers(1, 10**9)
POLICY = RetryPolicy(max_attempts=5, base_s=1, max_s=300)


@given(attempt_numbers, policies, randoms)
def test_a_wait_is_between_zero_and_the_cap(attempt: int, policy: RetryPolicy, random: float) -> None:
    assert 0 <= jitter_s(attempt, policy=policy, random=random) <= policy.max_s


@given(st.integers(1, 30), policies, randoms)
def test_a_wait_is_spread_evenly_below_the_base_times_a_power_of_two(
    attempt: int, policy: RetryPolicy, random: float
) -> None:
    upper_end_s = min(policy.max_s, policy.base_s * 2 ** (attempt - 1))
    assert jitter_s(attempt, policy=policy, random=random) == pytest.approx(random * upper_end_s)


def test_the_upper_end_of_the_wait_doubles_until_the_cap() -> None:
    longest = [jitter_s(attempt, policy=POLICY, random=1.0) for attempt in range(1, 12)]
    assert longest == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@given(policies, randoms)
def test_a_failing_call_is_tried_exactly_max_attempts_times(policy: RetryPolicy, random: float) -> None:
    attempts = calls = 0
    while True:
        calls += 1
        decision = after_error(CallFailed("500"), attempts, policy=policy, random=random)
        assert decision.attempts == attempts + 1
        if isinstance(decision, GiveUp):
            break
        attempts = decision.attempts
    assert calls == policy.max_attempts


@given(st.integers(0, 10**6), policies, randoms)
def test_an_attempt_beyond_the_limit_is_never_followed_by_another(
    surplus: int, policy: RetryPolicy, random: float
) -> None:
    decision = after_failed_attempt(policy.max_attempts - 1 + surplus, policy=policy, random=random)
    assert decision == GiveUp(policy.max_attempts + surplus)


@pytest.mark.parametrize("error", [RequestRefused("400"), ContentFiltered("400")])
def test_a_refused_request_is_not_tried_again(error: LlmError) -> None:
    assert after_error(error, 0, policy=POLICY, random=0.5) == GiveUp(1)


@given(st.integers(0, 10**6), policies, randoms, st.floats(0, 3_600))
def test_a_call_held_back_uses_up_no_attempt_and_waits_as_long_as_it_was_told(
    attempts: int, policy: RetryPolicy, random: float, retry_in_s: float
) -> None:
    held_back = Deferred("429", reason=Reason.LLM_RATE_LIMITED, retry_in_s=retry_in_s)
    assert after_error(held_back, attempts, policy=policy, random=random) == TryAgain(retry_in_s, attempts)


def test_a_policy_of_one_attempt_never_tries_again() -> None:
    assert after_failed_attempt(0, policy=replace(POLICY, max_attempts=1), random=0.0) == GiveUp(1)


def test_an_outage_that_names_a_wait_is_tried_again_after_it() -> None:
    decision = after_error(CallFailed("503", retry_after_s=7.0), 0, policy=POLICY, random=0.5)
    assert decision == TryAgain(delay_s=7.5, attempts=1)
    assert after_error(CallFailed("503", retry_after_s=7.0), 4, policy=POLICY, random=0.5) == GiveUp(attempts=5)


@given(
    waited_s=st.floats(0, 10_000),
    limit_s=st.floats(0.1, 5_000),
    attempts=st.integers(0, 10),
    random=st.floats(0, 1, exclude_max=True),
)
def test_a_wait_for_rows_ends_at_its_limit_and_uses_up_no_attempt(
    waited_s: float, limit_s: float, attempts: int, random: float
) -> None:
    decision = after_missing_rows(waited_s, attempts, limit_s=limit_s, policy=POLICY, random=random)
    assert decision.attempts == attempts
    if waited_s >= limit_s:
        assert decision == GiveUp(attempts)
    else:
        assert isinstance(decision, TryAgain)
        assert 0 < decision.delay_s <= limit_s - waited_s
        assert decision.delay_s <= min(POLICY.max_s, LONGEST_WAIT_FOR_ROWS_S)


def test_rows_that_come_late_are_looked_for_more_and_more_rarely() -> None:
    waits = [
        after_missing_rows(waited_s, 0, limit_s=600, policy=RetryPolicy(5, 1, 300), random=0.999)
        for waited_s in (0, 8, 40, 400)
    ]
    assert [round(wait.delay_s) for wait in waits if isinstance(wait, TryAgain)] == [1, 4, 20, 30]
