"""The breaker's states, one by one."""

import pytest

from consumer.llm.breaker import Breaker, BreakerState, Permit
from consumer.llm.errors import (
    AccountRefused,
    CallFailed,
    ContentFiltered,
    LlmError,
    RateLimited,
    RequestRefused,
)
from tests.support.breakers import DEADLINE_S, FIRST_WAIT_S, LEAST_CALLS, WINDOW_CALLS, WINDOW_S, breaker

REFUSED = AccountRefused("HTTP 401 invalid_api_key: Incorrect API key")
FAILED = CallFailed("HTTP 503 : overloaded")
SLOW_DOWN = RateLimited("HTTP 429", retry_after_s=1.0)


def begin(subject: Breaker, now_s: float = 0.0) -> Permit:
    permit = subject.begin_call(now_s)
    assert permit is not None
    return permit


def call(subject: Breaker, error: LlmError | None, now_s: float = 0.0) -> bool:
    return subject.record(begin(subject, now_s), error, now_s)


def opened(now_s: float = 0.0) -> Breaker:
    subject = breaker()
    for _ in range(LEAST_CALLS):
        call(subject, FAILED, now_s)
    return subject


def test_a_refused_account_opens_it_at_once_and_names_the_error() -> None:
    subject = breaker()
    for _ in range(WINDOW_CALLS):
        call(subject, None)

    call(subject, REFUSED)

    assert subject.state is BreakerState.OPEN
    assert subject.reason == "llm_account_refused: HTTP 401 invalid_api_key: Incorrect API key"
    assert subject.allowance(0.0, 100) == 0
    assert subject.begin_call(0.0) is None


def test_a_failing_majority_opens_it_and_half_does_not() -> None:
    subject = breaker()
    for _ in range(5):
        call(subject, None)
        call(subject, FAILED)

    assert subject.is_closed

    call(subject, FAILED)

    assert not subject.is_closed


def test_fewer_calls_than_the_least_do_not_open_it() -> None:
    subject = breaker()

    own = [call(subject, FAILED) for _ in range(LEAST_CALLS)]

    assert own == [True, True, True, True, False], "the failure that opens it uses up no attempt"
    assert not subject.is_closed


def test_failures_longer_ago_than_the_window_do_not_count() -> None:
    subject = breaker()
    for _ in range(LEAST_CALLS - 1):
        call(subject, FAILED, 0.0)

    call(subject, FAILED, WINDOW_S + 1)

    assert subject.is_closed


def test_only_the_last_calls_count_however_many_succeeded_before() -> None:
    subject = breaker()
    for _ in range(1_000):
        call(subject, None)

    for _ in range(WINDOW_CALLS // 2 + 1):
        call(subject, FAILED)

    assert not subject.is_closed


@pytest.mark.parametrize("answer", [RequestRefused("HTTP 400"), ContentFiltered("HTTP 400"), None])
def test_an_answer_of_any_kind_counts_as_success(answer: LlmError | None) -> None:
    subject = breaker()
    for number in range(WINDOW_CALLS):
        call(subject, FAILED if number % 2 else answer)

    assert subject.is_closed


def test_a_rate_limit_counts_neither_way() -> None:
    subject = breaker()
    for _ in range(100):
        call(subject, SLOW_DOWN)
    for _ in range(LEAST_CALLS - 1):
        call(subject, FAILED)

    assert subject.is_closed

    call(subject, FAILED)

    assert not subject.is_closed


def test_exactly_one_probe_goes_out_after_the_wait() -> None:
    subject = opened(now_s=100.0)

    assert subject.retry_in_s(102.0) == 3.0
    assert subject.allowance(104.9, 100) == 0
    assert subject.allowance(105.0, 100) == 1
    begin(subject, 105.0)

    assert subject.state is BreakerState.HALF_OPEN
    assert subject.allowance(105.0, 100) == 0
    assert subject.begin_call(106.0) is None
    assert 0 < subject.retry_in_s(106.0) <= FIRST_WAIT_S


@pytest.mark.parametrize("answer", [None, RequestRefused("HTTP 400"), SLOW_DOWN])
def test_a_probe_that_is_answered_closes_it_with_a_clean_slate(answer: LlmError | None) -> None:
    subject = opened()

    assert call(subject, answer, FIRST_WAIT_S) is True

    assert subject.is_closed
    assert subject.reason is None
    for _ in range(LEAST_CALLS - 1):
        call(subject, FAILED, FIRST_WAIT_S)
    assert subject.is_closed


def test_failed_probes_double_the_wait_up_to_the_longest() -> None:
    subject, now_s, waits_s = opened(), 0.0, list[float]()
    for _ in range(6):
        waits_s.append(subject.retry_in_s(now_s))
        now_s += waits_s[-1]
        assert call(subject, FAILED, now_s) is False

    assert waits_s == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert subject.opened_total == 1
    assert subject.reason == "llm_unavailable: HTTP 503 : overloaded"


def test_the_wait_is_short_again_after_it_was_closed() -> None:
    subject = opened()
    call(subject, FAILED, 5.0)
    call(subject, None, 15.0)

    call(subject, REFUSED, 20.0)

    assert subject.retry_in_s(20.0) == FIRST_WAIT_S
    assert subject.opened_total == 2


def test_a_probe_that_never_reports_is_given_up_after_its_deadline() -> None:
    subject = opened()
    lost = begin(subject, 5.0)
    assert subject.begin_call(5.0 + DEADLINE_S - 0.1) is None

    second = begin(subject, 5.0 + DEADLINE_S)

    subject.record(lost, None, 100.0)
    assert subject.state is BreakerState.HALF_OPEN, "only the second probe decides now"
    subject.record(second, None, 101.0)
    assert subject.is_closed


def test_a_cancelled_probe_makes_room_for_another_at_once() -> None:
    subject = opened()

    subject.abandon(begin(subject, 5.0), 6.0)

    assert subject.state is BreakerState.OPEN
    begin(subject, 6.0)


def test_abandoning_a_call_that_is_no_probe_changes_nothing() -> None:
    subject = breaker()
    early = begin(subject)
    subject.abandon(early, 0.0)
    assert subject.is_closed

    call(subject, REFUSED)
    probe = begin(subject, 5.0)
    subject.abandon(early, 5.0)

    assert subject.state is BreakerState.HALF_OPEN
    assert subject.record(probe, None, 6.0) is True


def test_calls_from_before_it_opened_neither_close_it_nor_open_it_again() -> None:
    subject = breaker()
    hanging = [begin(subject) for _ in range(100)]
    for _ in range(LEAST_CALLS):
        call(subject, FAILED)

    subject.record(hanging.pop(), None, 1.0)
    assert subject.state is BreakerState.OPEN

    call(subject, None, 5.0)
    own = [subject.record(permit, FAILED, 60.0) for permit in hanging]

    assert subject.is_closed
    assert not any(own), "they ran into the outage: no attempt is used up"


def test_one_request_that_fails_again_and_again_does_not_open_it() -> None:
    subject = breaker()
    own = [
        subject.record(begin(subject, float(now_s)), FAILED, float(now_s), request="the same") for now_s in range(50)
    ]
    assert own == [True] * 50
    assert subject.is_closed


def test_failures_of_a_few_requests_open_it() -> None:
    subject = breaker()
    for now_s in range(6):
        if subject.is_closed:
            subject.record(begin(subject, float(now_s)), FAILED, float(now_s), request=now_s % 3)
    assert not subject.is_closed


def test_stopped_for_useless_answers_it_closes_only_for_a_post() -> None:
    subject = breaker()
    subject.stop("llm_output_invalid: 5 different requests ended alike", 0.0)
    assert subject.reason == "llm_output_invalid: 5 different requests ended alike"
    assert subject.begin_call(FIRST_WAIT_S - 1) is None

    probe = begin(subject, FIRST_WAIT_S)
    subject.record(probe, None, FIRST_WAIT_S + 1)
    assert subject.state is BreakerState.HALF_OPEN

    subject.accept(probe)
    assert subject.is_closed


def test_a_probe_may_go_on_with_the_calls_of_its_request_and_nobody_else() -> None:
    subject = breaker()
    subject.stop("useless", 0.0)
    probe = begin(subject, FIRST_WAIT_S)
    subject.record(probe, None, FIRST_WAIT_S)
    assert subject.begin_call(FIRST_WAIT_S + 1) is None
    assert subject.begin_call(FIRST_WAIT_S + 1, held=probe) == probe
    assert subject.begin_call(FIRST_WAIT_S + DEADLINE_S, held=Permit(probe - 1)) is None


def test_a_probe_whose_answers_are_useless_makes_it_wait_twice_as_long() -> None:
    subject = breaker()
    subject.stop("useless", 0.0)
    subject.refuse(begin(subject, FIRST_WAIT_S), FIRST_WAIT_S)
    assert subject.state is BreakerState.OPEN
    assert subject.retry_in_s(FIRST_WAIT_S) == 2 * FIRST_WAIT_S


def test_a_probe_that_is_refused_in_its_turn_is_left_to_who_judges_and_waited_for_twice_as_long() -> None:
    subject = breaker()
    subject.stop("useless", 0.0)
    probe = begin(subject, FIRST_WAIT_S)
    assert subject.record(probe, RequestRefused("HTTP 400"), FIRST_WAIT_S) is True
    assert subject.state is BreakerState.HALF_OPEN
    subject.refuse(probe, FIRST_WAIT_S)
    assert subject.retry_in_s(FIRST_WAIT_S) == 2 * FIRST_WAIT_S


def test_a_rate_limit_says_nothing_of_the_answers_so_another_probe_goes_at_once() -> None:
    subject = breaker()
    subject.stop("useless", 0.0)
    subject.record(begin(subject, FIRST_WAIT_S), SLOW_DOWN, FIRST_WAIT_S)
    assert subject.state is BreakerState.OPEN
    begin(subject, FIRST_WAIT_S)


def test_calls_from_before_it_was_stopped_neither_open_nor_close_it() -> None:
    subject = breaker()
    early = begin(subject)
    subject.stop("useless", 0.0)
    subject.accept(early)
    subject.refuse(early, 1.0)
    assert subject.state is BreakerState.OPEN
    assert subject.retry_in_s(0.0) == FIRST_WAIT_S


def refused_alone(subject: Breaker, *, answered_between: int) -> list[bool]:
    """Three refusals of one request as an account's, others answered in between."""
    own = []
    for now_s in (0.0, 100.0, 200.0):
        own.append(subject.record(begin(subject, now_s), REFUSED, now_s, "flagged"))
        for _ in range(answered_between):
            subject.record(begin(subject, now_s + 70), None, now_s + 70, object())
    return own


def test_a_request_refused_alone_while_all_others_are_answered_is_to_blame_in_the_end() -> None:
    subject = breaker()
    assert refused_alone(subject, answered_between=20) == [False, False, True]
    assert subject.is_closed


def test_of_an_account_that_is_refused_time_and_again_no_request_is_to_blame() -> None:
    assert refused_alone(breaker(), answered_between=5) == [False, False, False]
