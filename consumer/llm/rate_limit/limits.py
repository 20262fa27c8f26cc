"""How fast a model may be called: all its limits together, with the clock as an argument.

Limits are learned from responses; without any there is no limiting. A request counts with its estimated tokens until
it is settled.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from consumer.llm.rate_limit.congestion import CongestionControl
from consumer.llm.rate_limit.headers import Quota, Unit
from consumer.llm.rate_limit.token_bucket import TokenBucket

DEFAULT_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0  # then a few requests test whether a limit said to last longer still applies
LONGEST_QUEUE_S = 60.0


class Reservation(NamedTuple):
    """An admitted request, and its estimated tokens."""

    tokens: int
    admitted_at_s: float


class Demand(NamedTuple):
    """Waiting requests, and the tokens they need together."""

    requests: int = 0
    tokens: int = 0


class KnownLimit(NamedTuple):
    """A learned limit, and what is left of it."""

    unit: Unit
    period_s: float
    limit: float
    remaining: float


NOTHING = Demand()


class CallLimits:
    """Decides when a request may go; the caller waits."""

    def __init__(self) -> None:
        self._request_limits: dict[Unit, TokenBucket] = {}
        self._token_limits: dict[Unit, TokenBucket] = {}
        self._congestion = CongestionControl()
        self._resume_at_s = -math.inf
        self._last_return_s = -math.inf
        self._learned_from_s = -math.inf

    def wait_s(self, tokens: int, now_s: float, *, ahead: Demand = NOTHING) -> float:
        """Return the seconds until a request of so many tokens may go, after those ahead of it; 0 is now."""
        wait_s = max(self._congestion.wait_s(now_s, ahead.requests), self._resume_at_s - now_s)
        for bucket in self._request_limits.values():
            wait_s = max(wait_s, bucket.wait_s(1, now_s, ahead.requests))
        for bucket in self._token_limits.values():
            wait_s = max(wait_s, bucket.wait_s(tokens, now_s, ahead.tokens))
        return wait_s

    def admit(self, tokens: int, now_s: float) -> Reservation:
        """Count a request that is sent now."""
        self._congestion.count(now_s)
        self._spend(1, tokens)
        return Reservation(tokens, now_s)

    def settle(self, reservation: Reservation, used_tokens: int) -> None:
        """Replace the estimate by the usage."""
        for bucket in self._token_limits.values():
            bucket.spend(used_tokens - reservation.tokens)

    def cancel(self, reservation: Reservation) -> None:
        """Release the reservation of a request that was not sent."""
        self._spend(-1, -reservation.tokens)

    def learn(self, reservation: Reservation, quotas: Mapping[Unit, Quota], now_s: float) -> None:
        """Learn from the response to a request, unless a later request was answered before.

        The remainder is as old as the request, but is taken as current: what all processes have spent since is, when
        the limit matters, about what the provider replenished.
        """
        if reservation.admitted_at_s < self._learned_from_s:
            return
        self._learned_from_s = reservation.admitted_at_s
        for unit, quota in quotas.items():
            limits = self._request_limits if unit == "requests" else self._token_limits
            if unit in limits:
                limits[unit].learn(quota, now_s)
            else:
                limits[unit] = TokenBucket(quota, now_s)

    def slow_down(self, reservation: Reservation, retry_after_s: float | None, now_s: float) -> float:
        """Handle a 429: pause as requested, continue at half the rate. Returns when that request should return."""
        asked_s = DEFAULT_PAUSE_S if retry_after_s is None else retry_after_s
        resume_at_s = now_s + min(asked_s, LONGEST_PAUSE_S)
        named_per_s = max((bucket.minute_pace_per_s for bucket in self._request_limits.values()), default=0.0)
        self._congestion.halve(reservation.admitted_at_s, now_s, resume_at_s, named_per_s=named_per_s)
        self._resume_at_s = max(self._resume_at_s, resume_at_s)
        self.settle(reservation, 0)
        return self.return_s(reservation.tokens, now_s, wait_s=asked_s)

    def return_s(self, tokens: int, now_s: float, *, wait_s: float) -> float:
        """Return when a request should return that cannot go for `wait_s`.

        Rejected requests return one after another at the current rate, not all at once, and at most a minute after the
        wait, as the rate may have changed by then.
        """
        in_turn_s = min(self._last_return_s + self._cost_s(tokens, now_s), now_s + LONGEST_QUEUE_S)
        self._last_return_s = max(now_s + wait_s, in_turn_s)
        return self._last_return_s - now_s

    def room(self, tokens: int, now_s: float, *, within_s: float, ahead: Demand = NOTHING) -> float:
        """Return how many requests of so many tokens may go within that time, after those ahead; may be infinite."""
        if self.wait_s(tokens, now_s, ahead=ahead) > within_s:
            return 0.0
        seconds = min(within_s, within_s + now_s - self._resume_at_s)
        room = self._congestion.within(seconds, now_s) - ahead.requests
        for bucket in self._request_limits.values():
            room = min(room, bucket.within(seconds) - ahead.requests)
        for bucket in self._token_limits.values():
            room = min(room, (bucket.within(seconds) - ahead.tokens) / max(1, tokens))
        return max(1.0, room)

    def known(self, now_s: float) -> list[KnownLimit]:
        """Return the limits learned from responses."""
        buckets = {**self._request_limits, **self._token_limits}
        return [KnownLimit(unit, one.period_s, one.limit, one.remaining(now_s)) for unit, one in buckets.items()]

    def requests_per_s(self, now_s: float) -> float | None:
        """Return the rate learned from refusals; None before the first."""
        rate_per_s = self._congestion.rate_per_s(now_s)
        return None if rate_per_s == math.inf else rate_per_s

    def _spend(self, requests: int, tokens: int) -> None:
        for bucket in self._request_limits.values():
            bucket.spend(requests)
        for bucket in self._token_limits.values():
            bucket.spend(tokens)

    def _cost_s(self, tokens: int, now_s: float) -> float:
        """Return the time that one such request takes at the current rate."""
        costs_s = [1 / self._congestion.rate_per_s(now_s)]
        costs_s += [1 / bucket.pace_per_s for bucket in self._request_limits.values()]
        costs_s += [tokens / bucket.pace_per_s for bucket in self._token_limits.values()]
        return max(costs_s)
