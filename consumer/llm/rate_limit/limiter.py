"""The rate limiter of one model: requests wait their turn here, or are told when to come back.

A request reserves before it is sent and settles when its usage is known. Waiting is first come, first
served, and one timer serves the whole queue.
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
RECHECK_S = 0.25  # the pace may rise while somebody waits
LEARN_EVERY_S = 0.05  # reading the headers costs more than all the rest, and more of them say no more
TIMER_RESOLUTION_S = 0.001  # uvloop's; a shorter delay would only spin


class WaitTooLong(Exception):
    """The turn of this request would come later than it can wait."""

    def __init__(self, retry_in_s: float) -> None:
        super().__init__(f"rate limit reached, come back in {retry_in_s:.1f} s")
        self.retry_in_s = retry_in_s


@dataclass(slots=True)
class _Waiter:
    tokens: int
    deadline_s: float
    turn: asyncio.Future[Reservation]


class RateLimiter:
    """Admits requests at the pace the model's limits allow; belongs to one event loop.

    `patience_s` is how long a request may wait here, holding its slot. `clock` counts seconds and
    never goes back.
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
        """The limits that answers have named."""
        return self._limits.known(self._clock())

    @property
    def requests_per_s(self) -> float | None:
        """The pace learned from refusals for the rate; None before the first."""
        return self._limits.requests_per_s(self._clock())

    def room(self, wanted: int, estimated_tokens: int, *, within_s: float | None = None) -> int:
        """Return how many of `wanted` new requests can go within that time, else within the patience. Reserves nothing.

        Taking in no more than that keeps requests where they are instead of sending them back and forth.
        """
        within_s = self._patience_s if within_s is None else within_s
        room = self._limits.room(estimated_tokens, self._clock(), within_s=within_s, ahead=self._ahead)
        return wanted if room >= wanted else int(room)

    async def reserve(self, estimated_tokens: int) -> Reservation:
        """Wait for this request's turn.

        Raises:
            WaitTooLong: it would not come within the patience; says when to come back.
        """
        now_s = self._clock()
        wait_s = self._limits.wait_s(estimated_tokens, now_s, ahead=self._ahead)
        if wait_s <= 0 and not self._queue:
            return self._limits.admit(estimated_tokens, now_s)
        if wait_s > self._patience_s:
            raise self._too_long(estimated_tokens, now_s, wait_s)
        return await self._queued(estimated_tokens, now_s + self._patience_s)

    def settle(self, reservation: Reservation, used_tokens: int) -> None:
        """Replace the estimate by the usage. A call whose usage stays unknown keeps its estimate."""
        self._limits.settle(reservation, used_tokens)

    def cancel(self, reservation: Reservation) -> None:
        """Give back what was reserved for a request that is not sent after all."""
        self._limits.cancel(reservation)

    def learn(self, reservation: Reservation, headers: Mapping[str, str]) -> None:
        """Take over the limits an answer names; after `settle`, as the provider has counted the call."""
        now_s = self._clock()
        if now_s - self._learned_at_s >= LEARN_EVERY_S:
            self._learned_at_s = now_s
            self._limits.learn(reservation, read_rate_headers(headers), now_s)

    def slow_down(self, reservation: Reservation, retry_after_s: float | None) -> float:
        """Answer a 429. Returns the seconds after which that request should come again."""
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
            # it may have been admitted in the same moment; if not, the queue drops it when its turn comes
            if not waiter.turn.cancelled() and waiter.turn.exception() is None:
                self._limits.cancel(waiter.turn.result())
            raise

    def _serve(self) -> None:
        """Admit or send away those at the head of the queue, and come back when the next one's turn is."""
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
