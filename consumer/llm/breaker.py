"""The breaker: whether the LLM provider may be called, judged by the last calls.

A state machine with the clock as an argument. Closed: calls go out. It opens at once when the account is refused, when
most of the last calls failed, or when told to because all answers are useless. Open: nothing goes out for a while.
Then it is half-open: one call goes out as a probe. If that succeeds the breaker closes; if not, it waits again, twice
as long. If useless answers opened it, a probe consists of all calls for one request, and succeeds when there is a
post.

Each call carries the permit it started with, which is valid until the next change of state. So calls that started
before the breaker opened no longer count, however they end: those that hang until their timeout would open it again
after the provider is back, and a late success says nothing about the provider now. Only the probe decides.

An account error for a single request, repeatedly while all others are answered, is not about the account: some
gateways report a flagged input that way.

Source of the terms: M. Nygard, "Release It!", stability pattern "Circuit Breaker".
"""

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import NewType

from consumer.llm.errors import AccountRefused, CallFailed, LlmError, RateLimited

Permit = NewType("Permit", int)


class BreakerState(Enum):
    """What the breaker lets through: everything, nothing, or one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


ALONE_AFTER_REFUSALS = 3
ALONE_AMONG_ANSWERS = 10
MOST_REMEMBERED = 1_000


@dataclass(slots=True)
class _Refused:
    """How often a request met an account error, and the counts of all calls before the first time."""

    times: int
    answered_before: int
    refused_before: int


class Breaker:
    """The state of one provider, as seen from this process.

    It opens when more than half of the last `window_calls` calls failed, if there were at least `least_calls` within
    `window_s` and the failures were for at least `least_requests` different requests: a single failing request says
    nothing about others.

    The first probe goes out after `first_wait_s`, each later one after twice the wait, at most `longest_wait_s`. A
    probe without a result after `probe_deadline_s` (longer than any call) is given up, and another one may go.
    """

    def __init__(
        self,
        *,
        probe_deadline_s: float,
        first_wait_s: float = 5.0,
        longest_wait_s: float = 60.0,
        window_calls: int = 20,
        least_calls: int = 5,
        least_requests: int = 3,
        window_s: float = 300.0,
    ) -> None:
        self._probe_deadline_s = probe_deadline_s
        self._first_wait_s = first_wait_s
        self._longest_wait_s = longest_wait_s
        self._least_calls = least_calls
        self._least_requests = least_requests
        self._window_s = window_s
        # when each call ended, and its request if it failed
        self._ended: deque[tuple[float, Hashable | None]] = deque(maxlen=window_calls)
        self._state = BreakerState.CLOSED
        self._permit = Permit(0)
        self._wait_s = first_wait_s
        self._next_probe_s = 0.0
        self._reason: str | None = None
        self._opened_total = 0
        self._needs_post = False
        self._answered = 0
        self._refused = 0
        self._refused_requests: OrderedDict[Hashable, _Refused] = OrderedDict()

    @property
    def state(self) -> BreakerState:
        """The current state; an open breaker stays open until a probe starts."""
        return self._state

    @property
    def is_closed(self) -> bool:
        """Whether calls go out without restriction."""
        return self._state is BreakerState.CLOSED

    @property
    def reason(self) -> str | None:
        """The last error that opened it or kept it open; None while it is closed."""
        return self._reason

    @property
    def opened_total(self) -> int:
        """How often it went from closed to open."""
        return self._opened_total

    def allowance(self, now_s: float, wanted: int) -> int:
        """Return how many new requests may be accepted now: `wanted`, 1 or 0. Reserves nothing."""
        if self.is_closed:
            return wanted
        return min(wanted, 1) if now_s >= self._next_probe_s else 0

    def retry_in_s(self, now_s: float) -> float:
        """Return the seconds until the next attempt; 0 if a call may start now.

        While a probe is out this is a guess, at most until the probe is given up.
        """
        if self.is_closed:
            return 0.0
        left_s = max(0.0, self._next_probe_s - now_s)
        return left_s if self._state is BreakerState.OPEN else min(left_s, self._wait_s)

    def begin_call(self, now_s: float, *, held: Permit | None = None) -> Permit | None:
        """Return a permit for one call now, or None. It must be returned by `record`.

        `held` is the permit of the request's previous call: a probe may continue.
        """
        if self.is_closed:
            return self._permit
        if self.is_probe(held):
            self._next_probe_s = now_s + self._probe_deadline_s
            return held
        if now_s < self._next_probe_s:
            return None
        self._enter(BreakerState.HALF_OPEN)
        self._next_probe_s = now_s + self._probe_deadline_s
        return self._permit

    def is_probe(self, permit: Permit | None) -> bool:
        """Return whether this is the current probe's permit."""
        return self._state is BreakerState.HALF_OPEN and permit == self._permit

    def stop(self, reason: str, now_s: float) -> None:
        """Open, because answers are useless; only a probe that leads to a post closes it."""
        self._needs_post = True
        self._open(reason, now_s)

    def accept(self, permit: Permit) -> None:
        """Record that the calls with this permit led to a post."""
        if self.is_probe(permit):
            self._close()

    def refuse(self, permit: Permit, now_s: float) -> None:
        """Record that the calls with this permit did not lead to a post, which matters for a probe."""
        if self.is_probe(permit):
            self._open(self._reason or "", now_s)

    def record(self, permit: Permit, error: LlmError | None, now_s: float, request: Hashable | None = None) -> bool:
        """Record the end of a call: its error, or None if it was answered.

        `request` identifies its request; None stands for a request of its own.

        A refused or filtered request and a rate limit show that the provider is up and accepts the account, so a probe
        that ends like that closes the breaker, unless a post is required. Otherwise rate limits do not count; they are
        the limiter's concern.

        Returns whether a failure may be the request's own fault. It is not if the breaker has opened since the call
        started, or opens now: then no attempt is used up. A probe that requires a post is decided by `accept` or
        `refuse`.
        """
        if permit != self._permit:
            return False
        self._answered += error is None
        match error:
            case AccountRefused() if self._is_alone(request):
                self._passed()
                return True
            case AccountRefused():
                self._open(_told(error), now_s)
            case CallFailed():
                self._failed(error, now_s, object() if request is None else request)
            case RateLimited() if self._needs_post and self._state is BreakerState.HALF_OPEN:
                self.abandon(permit, now_s)
            case _ if self._state is BreakerState.HALF_OPEN:
                self._passed()
            case RateLimited():
                pass
            case _:
                self._ended.append((now_s, None))
        return self._state is not BreakerState.OPEN

    def abandon(self, permit: Permit, now_s: float) -> None:
        """Return a permit whose call had no result: it was cancelled, or never sent."""
        if permit == self._permit and self._state is BreakerState.HALF_OPEN:
            self._enter(BreakerState.OPEN)
            self._next_probe_s = now_s

    def _failed(self, error: LlmError, now_s: float, request: Hashable) -> None:
        self._ended.append((now_s, request))
        if self._state is BreakerState.HALF_OPEN or self._mostly_failed(now_s):
            self._open(_told(error), now_s)

    def _passed(self) -> None:
        """Close after a probe has shown that the provider is up and accepts the account."""
        if self._state is BreakerState.HALF_OPEN and not self._needs_post:
            self._close()

    def _is_alone(self, request: Hashable | None) -> bool:
        """Count an account error. Returns whether it concerns this request alone, while others are answered."""
        self._refused += 1
        if request is None:
            return False
        seen = self._refused_requests.setdefault(request, _Refused(0, self._answered, self._refused - 1))
        seen.times += 1
        if len(self._refused_requests) > MOST_REMEMBERED:
            self._refused_requests.popitem(last=False)
        answered, refused = self._answered - seen.answered_before, self._refused - seen.refused_before
        return seen.times >= ALONE_AFTER_REFUSALS and answered >= ALONE_AMONG_ANSWERS * refused

    def _mostly_failed(self, now_s: float) -> bool:
        recent = [request for at_s, request in self._ended if now_s - at_s <= self._window_s]
        failed = [request for request in recent if request is not None]
        enough = len(recent) >= self._least_calls and len(set(failed)) >= self._least_requests
        return enough and 2 * len(failed) > len(recent)

    def _open(self, reason: str, now_s: float) -> None:
        if self.is_closed:
            self._opened_total += 1
            self._wait_s = self._first_wait_s
        else:
            self._wait_s = min(2 * self._wait_s, self._longest_wait_s)
        self._enter(BreakerState.OPEN)
        self._next_probe_s = now_s + self._wait_s
        self._reason = reason

    def _close(self) -> None:
        self._enter(BreakerState.CLOSED)
        self._ended.clear()
        self._reason = None
        self._needs_post = False

    def _enter(self, state: BreakerState) -> None:
        self._state = state
        self._permit = Permit(self._permit + 1)


def _told(error: LlmError) -> str:
    return f"{error.reason}: {error}"
