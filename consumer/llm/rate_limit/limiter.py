"""The rate limiter of one model: requests wait for their turn, or are told when to return.

A request reserves before it is sent and settles when its usage is known. Waiting is first come, first served, with one
timer for the whole queue.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from consumer.llm.rate_limit.headers import read_rate_headers
from consumer.llm.rate_limit.limits import CallLimits, Demand, KnownLimit, Reservation

PATIENCE_S = 5.0
RECHECK_S = 0.25  # the rate may rise while requests wait
LEARN_EVERY_S = 0.05  # parsing the headers is the most expensive part, and more often brings no more information
TIMER_RESOLUTION_S = 0.001  # uvloop's; a shorter delay would only spin


class WaitTooLong(Exception):
    """The turn of this request would come too late."""

    def __init__(self, retry_in_s: float) -> None:
        super().__init__(f"rate limit reached, retry in {retry_in_s:.1f} s")
        self.retry_in_s = retry_in_s


@dataclass(slots=True)
class _Waiter:
    tokens: int
    deadline_s: float
    turn: asyncio.Future[Reservation]


class RateLimiter:
    """Admits requests within the model's limits; for use in one event loop.

    `patience_s` is how long a request may wait here, holding its slot. `clock` returns monotonic seconds.
    """

    def __init__(self, *, patience_s: float = PATIENCE_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience_s = patience_s
        self._clock = clock
        self._limits = CallLimits()
        self._queue: deque[_Waiter] = deque()
        self._ahead = Demand()
        self._timer: asyncio.TimerHandle | None = None
        self._learned_at_s = -math.inf

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._ahead.requests

    @property
    def known_limits(self) -> list[KnownLimit]:
        """The limits learned from responses."""
        return self._limits.known(self._clock())

    @property
    def requests_per_s(self) -> float | None:
        """The rate learned from refusals; None before the first."""
        return self._limits.requests_per_s(self._clock())

    def room(self, wanted: int, estimated_tokens: int, *, within_s: float | None = None) -> int:
        """Return how many of `wanted` new requests can go within that time, by default the patience. Reserves nothing.

        Accepting no more than that avoids sending requests back and forth.
        """
        within_s = self._patience_s if within_s is None else within_s
        room = self._limits.room(estimated_tokens, self._clock(), within_s=within_s, ahead=self._ahead)
        return wanted if room >= wanted else int(room)

    async def reserve(self, estimated_tokens: int) -> Reservation:
        """Wait for this request's turn.

        Raises:
            WaitTooLong: it would not come within the patience; has the time to return.
        """
        now_s = self._clock()
        wait_s = self._limits.wait_s(estimated_tokens, now_s, ahead=self._ahead)
        if wait_s <= 0 and not self._queue:
            return self._limits.admit(estimated_tokens, now_s)
        if wait_s > self._patience_s:
            raise self._too_long(estimated_tokens, now_s, wait_s)
        return await self._queued(estimated_tokens, now_s + self._patience_s)

    def settle(self, reservation: Reservation, used_tokens: int) -> None:
        """Replace the estimate by the usage. A call with unknown usage keeps its estimate."""
        self._limits.settle(reservation, used_tokens)

    def cancel(self, reservation: Reservation) -> None:
        """Release the reservation of a request that is not sent."""
        self._limits.cancel(reservation)

    def learn(self, reservation: Reservation, headers: Mapping[str, str]) -> None:
        """Learn the limits in a response; call it after `settle`, since the provider has counted the call."""
        now_s = self._clock()
        if now_s - self._learned_at_s >= LEARN_EVERY_S:
            self._learned_at_s = now_s
            self._limits.learn(reservation, read_rate_headers(headers), now_s)

    def slow_down(self, reservation: Reservation, retry_after_s: float | None) -> float:
        """Handle a 429. Returns the seconds after which that request should return."""
        return self._limits.slow_down(reservation, retry_after_s, self._clock())

    async def _queued(self, tokens: int, deadline_s: float) -> Reservation:
        waiter = _Waiter(tokens, deadline_s, asyncio.get_running_loop().create_future())
        self._queue.append(waiter)
        self._count(waiter, 1)
        if self._timer is None:
            self._serve()
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            # it may have been admitted at the same moment; if not, the queue drops it at its turn
            if not waiter.turn.cancelled() and waiter.turn.exception() is None:
                self._limits.cancel(waiter.turn.result())
            raise

    def _serve(self) -> None:
        """Admit or reject requests at the head of the queue, and schedule the next turn."""
        self._timer = None
        now_s = self._clock()
        while self._queue:
            waiter = self._queue[0]
            wait_s = self._limits.wait_s(waiter.tokens, now_s)
            if waiter.turn.cancelled():
                pass
            elif wait_s <= 0:
                waiter.turn.set_result(self._limits.admit(waiter.tokens, now_s))
            elif now_s + wait_s > waiter.deadline_s:
                waiter.turn.set_exception(self._too_long(waiter.tokens, now_s, wait_s))
            else:
                delay_s = min(RECHECK_S, max(TIMER_RESOLUTION_S, wait_s))
                self._timer = asyncio.get_running_loop().call_later(delay_s, self._serve)
                return
            self._count(self._queue.popleft(), -1)

    def _count(self, waiter: _Waiter, sign: int) -> None:
        ahead = self._ahead
        self._ahead = Demand(ahead.requests + sign, ahead.tokens + sign * waiter.tokens)

    def _too_long(self, tokens: int, now_s: float, wait_s: float) -> WaitTooLong:
        return WaitTooLong(self._limits.return_s(tokens, now_s, wait_s=wait_s))
