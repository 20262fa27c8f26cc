"""Holds refused requests until it is clear whose fault that is, and opens the breaker if it is everybody's."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

from consumer.llm.failover import Failover
from consumer.llm.provider import Admission, Provider
from consumer.pipeline.faults.many_alike import Decision, Fault, ManyAlike, Ticket
from repository.requests import ClaimedRequest
from schemas.reasons import Reason

PATIENCE_S = 10.0  # longer than most calls; the refused request keeps its slot meanwhile

RequestKey = tuple[UUID, int]
PutBack = Callable[[Iterable[RequestKey], Reason], None]


@dataclass(slots=True)
class Trial:
    """A request being tried at a provider, with the admission of its last call."""

    admission: Admission
    ticket: Ticket


@dataclass(slots=True)
class _Bench:
    """One provider's refusals, and the requests waiting for a decision."""

    alike: ManyAlike = field(default_factory=ManyAlike)
    waiting: dict[Ticket, asyncio.Future[Fault]] = field(default_factory=dict)
    told_reason: Reason | None = None


class FaultFinder:
    """Compares the fates of requests per provider; for use in one event loop.

    `put_back` is called with requests that failed before their reason proved to be everybody's fault.
    """

    def __init__(self, failover: Failover, *, put_back: PutBack, patience_s: float = PATIENCE_S) -> None:
        self._failover = failover
        self._put_back = put_back
        self._patience_s = patience_s
        # None is for bugs before any provider was called
        self._benches: dict[Provider | None, _Bench] = {None: _Bench()}

    def begin(self, admission: Admission, before: Trial | None) -> Trial:
        """Record that a call is about to be made; `before` is the request's trial so far, if any."""
        provider = admission.provider
        if before is not None and before.admission.provider is provider:
            before.admission = admission
            return before
        self.withdraw(before)
        return Trial(admission, self._benches.setdefault(provider, _Bench()).alike.begin())

    def accept(self, trial: Trial | None) -> None:
        """Record that the request got its post."""
        now_s = time.monotonic()
        if trial is not None:
            trial.admission.accept()
            bench = self._benches[trial.admission.provider]
            self._settle(trial.admission.provider, bench.alike.accept(trial.ticket, now_s))
        ours = self._benches[None].alike
        self._settle(None, ours.accept(ours.begin(), now_s))

    def withdraw(self, trial: Trial | None) -> None:
        """Record that the request ended in a way that tells nothing about whose fault it was."""
        if trial is not None:
            trial.admission.withdraw()
            bench = self._benches[trial.admission.provider]
            self._settle(trial.admission.provider, bench.alike.withdraw(trial.ticket, time.monotonic()))

    async def fault_of(self, trial: Trial | None, request: ClaimedRequest, reason: Reason) -> Fault:
        """Return whose fault the refusal of this request is; waits until other requests tell, or the deadline."""
        provider = trial.admission.provider if trial else None
        bench = self._benches[provider]
        ticket = trial.ticket if trial else bench.alike.begin()
        if trial:
            trial.admission.refuse()
        fault: asyncio.Future[Fault] = asyncio.get_running_loop().create_future()
        bench.waiting[ticket] = fault
        key = (request.overlay_id, request.revision)
        self._settle(provider, bench.alike.refuse(ticket, request=key, reason=reason, now_s=time.monotonic()))
        try:
            async with asyncio.timeout(self._patience_s):
                return await fault
        except TimeoutError:
            bench.alike.give_up_waiting(ticket)
            return Fault.OWN
        finally:
            bench.waiting.pop(ticket, None)

    def _settle(self, provider: Provider | None, decisions: Iterable[Decision]) -> None:
        bench = self._benches[provider]
        for decision in decisions:
            waiting = bench.waiting.get(decision.ticket)
            if waiting and not waiting.done():
                waiting.set_result(decision.fault)
        reason = cast("Reason | None", bench.alike.common_reason)
        if reason is not None and reason != bench.told_reason:
            self._stop(provider, bench, reason)
        bench.told_reason = reason

    def _stop(self, provider: Provider | None, bench: _Bench, reason: Reason) -> None:
        """Open the breaker until a probe gets a post; requests that failed too early get another chance."""
        failed = cast("set[RequestKey]", bench.alike.failed_alike(time.monotonic()))
        (provider or self._failover).stop(f"{reason}: {len(failed)} different requests ended alike")
        self._put_back(failed, reason)
