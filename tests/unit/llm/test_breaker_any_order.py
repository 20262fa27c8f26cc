"""The breaker in any order of events, compared with what the test keeps count of itself."""

# ruff: noqa: D102 - rules and invariants are sentences by their names

from copy import deepcopy

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.llm.breaker import BreakerState, Permit
from consumer.llm.errors import AccountRefused, CallFailed, LlmError, RateLimited, RequestRefused
from tests.support.breakers import (
    DEADLINE_S,
    FIRST_WAIT_S,
    LEAST_CALLS,
    LONGEST_WAIT_S,
    WINDOW_CALLS,
    WINDOW_S,
    breaker,
)

ERRORS = st.sampled_from(
    [
        None,
        None,
        CallFailed("HTTP 503"),
        CallFailed("HTTP 503"),
        AccountRefused("HTTP 401"),
        RateLimited("HTTP 429", retry_after_s=1.0),
        RequestRefused("HTTP 400"),
    ]
)
View = tuple[BreakerState, str | None, int, float]


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Calls begin, end, are lost and are cancelled in any order while time goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.subject = breaker()
        self.now_s = 0.0
        self.calls: list[tuple[Permit, int]] = []
        self.change = 0  # counts what ends the meaning of permits: changes of state and new probes
        self.probe: Permit | None = None
        self.probe_until_s = 0.0
        self.silent_until_s = 0.0
        self.ended: list[tuple[float, bool]] = []
        self.openings = 0

    def view(self) -> View:
        subject = self.subject
        return subject.state, subject.reason, subject.opened_total, subject.retry_in_s(self.now_s)

    @rule(seconds=st.floats(0.01, 120.0))
    def time_goes_by(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(count=st.integers(1, 6))
    def calls_begin(self, count: int) -> None:
        for _ in range(count):
            self.a_call_begins()

    def a_call_begins(self) -> None:
        was_closed, allowed = self.subject.is_closed, self.subject.allowance(self.now_s, 7)
        may_be_now = self.subject.retry_in_s(self.now_s) == 0.0
        permit = self.subject.begin_call(self.now_s)
        assert (permit is not None) == (allowed > 0) == may_be_now
        assert allowed in ({7} if was_closed else {0, 1})
        if permit is None:
            return
        if not was_closed:
            assert self.now_s >= self.silent_until_s, "nothing goes out before the wait is over"
            assert self.probe is None or self.now_s >= self.probe_until_s, "one probe at a time"
            self.change += 1
            self.probe, self.probe_until_s = permit, self.now_s + DEADLINE_S
        self.calls.append((permit, self.change))

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), error=ERRORS)
    def a_call_ends(self, data: st.DataObject, error: LlmError | None) -> None:
        permit, change = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        before = self.view()
        own = self.subject.record(permit, error, self.now_s)
        if change != self.change:
            assert self.view() == before, "a call of an earlier time changes nothing"
            assert not own
        elif before[0] is BreakerState.CLOSED:
            self.ended_while_closed(error)
        else:
            self.ended_as_probe(error)

    def ended_while_closed(self, error: LlmError | None) -> None:
        if not isinstance(error, RateLimited | AccountRefused):
            self.ended.append((self.now_s, isinstance(error, CallFailed)))
        recent = [failed for at_s, failed in self.ended[-WINDOW_CALLS:] if self.now_s - at_s <= WINDOW_S]
        majority = len(recent) >= LEAST_CALLS and sum(recent) > len(recent) / 2
        opens = isinstance(error, AccountRefused) or (isinstance(error, CallFailed) and majority)
        assert self.subject.state is (BreakerState.OPEN if opens else BreakerState.CLOSED)
        if opens:
            self.openings += 1
            self.now_open(wait_s=FIRST_WAIT_S)

    def ended_as_probe(self, error: LlmError | None) -> None:
        if isinstance(error, AccountRefused | CallFailed):
            assert self.subject.state is BreakerState.OPEN
            self.now_open(wait_s=2 * FIRST_WAIT_S)
        else:
            assert self.subject.is_closed
            self.change += 1
            self.probe, self.ended = None, []

    def now_open(self, *, wait_s: float) -> None:
        self.change += 1
        self.probe = None
        self.silent_until_s = self.now_s + wait_s

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def a_call_is_cancelled(self, data: st.DataObject) -> None:
        permit, change = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        before = self.view()
        self.subject.abandon(permit, self.now_s)
        if change == self.change and before[0] is BreakerState.HALF_OPEN:
            self.now_open(wait_s=0.0)
            assert self.subject.allowance(self.now_s, 1) == 1
        else:
            assert self.view() == before

    @precondition(lambda self: self.calls)
    @rule()
    def a_call_is_lost(self) -> None:
        self.calls.pop()

    @invariant()
    def it_is_never_stuck(self) -> None:
        later_s = self.now_s + DEADLINE_S + LONGEST_WAIT_S
        assert deepcopy(self.subject).begin_call(later_s) is not None

    @invariant()
    def the_reason_is_there_while_it_is_not_closed(self) -> None:
        assert (self.subject.reason is None) == self.subject.is_closed
        assert self.subject.opened_total == self.openings


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
