"""Several processes that call one account of the simulated provider, on a clock of their own."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from consumer.llm.rate_limit.headers import read_rate_headers
from consumer.llm.rate_limit.limits import CallLimits, Reservation
from consumer.llm.rate_limit.retry_after import retry_after_s
from devstack.simulated_llm.openai_errors import ApiError
from devstack.simulated_llm.rate_limits import RateLimiter, RateLimits

SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
REFUSAL_S = 0.05
RECHECK_S = 0.25


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is reserved for a call, what the provider charges in advance, and what the usage says."""

    estimated: int = 1_000
    charged: int = 1_000
    used: int = 1_000


@dataclass(slots=True)
class Process:
    """A process with more to do than it may send, from one second to another."""

    tokens: Tokens = field(default_factory=Tokens)
    from_s: float = 0.0
    until_s: float = float("inf")
    most_in_flight: int = 50
    reads_headers: bool = True
    pacing: CallLimits = field(default_factory=CallLimits)
    in_flight: int = 0
    answered_at_s: list[float] = field(default_factory=list)
    refused_at_s: list[float] = field(default_factory=list)

    def answered(self, from_s: float, to_s: float) -> int:
        """The calls that were answered in that time."""
        return sum(from_s <= at_s < to_s for at_s in self.answered_at_s)

    def refused(self, from_s: float, to_s: float) -> int:
        """The calls that got a 429 in that time."""
        return sum(from_s <= at_s < to_s for at_s in self.refused_at_s)


class SharedAccount:
    """Runs processes against one account; calls take about two seconds, more or less by chance."""

    def __init__(self, limits: RateLimits, processes: list[Process], *, seed: int = 0) -> None:
        self._limits = RateLimiter(limits, 0.0)
        self._random = random.Random(seed)
        self._order = count()
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        for process in processes:
            self._at(process.from_s, self._sender(process))

    def run(self, seconds: float) -> None:
        """Let everything happen that is due within that time."""
        while self._due and self._due[0][0] <= seconds:
            now_s, _, happen = heapq.heappop(self._due)
            happen(now_s)

    def _at(self, due_s: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._due, (due_s, next(self._order), happen))

    def _sender(self, process: Process) -> Callable[[float], None]:
        def send(now_s: float) -> None:
            if now_s >= process.until_s:
                return
            wait_s = process.pacing.wait_s(process.tokens.estimated, now_s)
            if process.in_flight >= process.most_in_flight:
                wait_s = max(wait_s, RECHECK_S)
            if wait_s <= 0:
                self._call(process, now_s)
            self._at(now_s + min(wait_s, RECHECK_S), send)

        return send

    def _call(self, process: Process, now_s: float) -> None:
        reservation = process.pacing.admit(process.tokens.estimated, now_s)
        process.in_flight += 1
        try:
            self._limits.take("gpt-4o-mini", process.tokens.charged, now_s)
        except ApiError as error:
            headers = {**self._limits.headers(now_s), **error.headers}
            self._at(now_s + REFUSAL_S, lambda at_s: _refused(process, reservation, headers, at_s))
        else:
            headers = self._limits.headers(now_s)
            latency_s = 2 * self._random.lognormvariate(0, 0.4)
            self._at(now_s + latency_s, lambda at_s: _answered(process, reservation, headers, at_s))


def _answered(process: Process, reservation: Reservation, headers: dict[str, str], now_s: float) -> None:
    process.in_flight -= 1
    process.answered_at_s.append(now_s)
    process.pacing.settle(reservation, process.tokens.used)
    if process.reads_headers:
        process.pacing.learn(reservation, read_rate_headers(headers), now_s)


def _refused(process: Process, reservation: Reservation, headers: dict[str, str], now_s: float) -> None:
    process.in_flight -= 1
    process.refused_at_s.append(now_s)
    if process.reads_headers:
        process.pacing.learn(reservation, read_rate_headers(headers), now_s)
    process.pacing.slow_down(reservation, retry_after_s(headers, SOME_DAY), now_s)
