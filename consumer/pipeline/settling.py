"""Settling outcomes of one kind: a batch in one statement, setting aside what a lock or a refusal holds up.

If the database is down, all wait. If a row is locked by another transaction, its outcome alone is set aside and
retried. If an outcome is refused, `many_alike` decides whether that is its own fault or everybody's: then all are held
back, and one at a time is tried as a probe.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar, cast

import structlog

from consumer.pipeline.backoff import Backoff
from consumer.pipeline.faults.fault_finder import RequestKey
from consumer.pipeline.faults.many_alike import Decision, Fault, ManyAlike, Ticket
from consumer.pipeline.outcomes import Outcome
from consumer.telemetry.watchdog import Beat, unwatched
from repository.errors import MissingReference, RefusedData, StoreContention, StoreError, StoreUnavailable
from repository.locks import LOCK_WAIT_S

log = structlog.get_logger()

SHORT_LOCK_WAIT_S = 0.1  # when alone, or while others are known to be locked: it is retried soon
STALLED_AFTER_S = 5.0
PROBE_S = 5.0
_OF_THE_SCHEMA = {"42703", "42P01"}  # a column or table is missing, which concerns all results

AnyOutcome = TypeVar("AnyOutcome", bound=Outcome)
Write = Callable[[Sequence[AnyOutcome], float], Awaitable[None]]
"""A statement that commits outcomes, all or none, with a lock timeout in seconds."""


class Settler(Generic[AnyOutcome]):
    """Writes outcomes until they are committed, set aside or refused.

    `set_aside` is called with an outcome whose row is locked, `refused` with one that the database refuses for its own
    fault, `reopen` with requests that failed before the fault proved to be everybody's.
    """

    def __init__(
        self,
        write: "Write[AnyOutcome]",
        *,
        set_aside: Callable[[AnyOutcome], None],
        refused: Callable[[AnyOutcome, StoreError], None],
        reopen: Callable[[Iterable[RequestKey]], None],
    ) -> None:
        self.beat: Beat = unwatched
        self._write = write
        self._set_aside = set_aside
        self._refused = refused
        self._reopen = reopen
        self._alike = ManyAlike()
        self._undecided: dict[Ticket, tuple[AnyOutcome, StoreError]] = {}
        self._locked: list[AnyOutcome] = []
        self._held_back: list[AnyOutcome] = []
        self._told_reason: Hashable | None = None
        self._probe_at_s = 0.0
        self._attempts: dict[object, float] = {}
        self._locked_since_s: float | None = None
        self._last_error = "it does not answer"

    @property
    def unavailable_reason(self) -> str | None:
        """Why nothing can be written now; None if it can, or has not been tried."""
        if self._alike.common_reason is not None:
            return f"the database refuses results alike: {self._alike.common_reason}"
        if not self._attempts or time.monotonic() - min(self._attempts.values()) <= STALLED_AFTER_S:
            return None
        return f"results cannot be stored: {self._last_error}"

    @property
    def held_up_s(self) -> float:
        """For how long nothing could be written, as far as has been tried: a statement hangs, or all meet locks."""
        now_s = time.monotonic()
        began_s = [*self._attempts.values(), *([] if self._locked_since_s is None else [self._locked_since_s])]
        return now_s - min(began_s, default=now_s)

    async def settle(self, outcomes: Sequence[AnyOutcome]) -> None:
        """Write outcomes; those that cannot be written now are kept for `retry`, so that they do not hold up others."""
        if not outcomes:
            return
        if self._alike.common_reason is not None:
            self._held_back.extend(outcomes)
            return
        error = await self._attempt(outcomes, lock_wait_s=SHORT_LOCK_WAIT_S if self._locked else LOCK_WAIT_S)
        if error is None:
            self._decide(self._alike.accept(self._alike.begin(), time.monotonic()))
        else:
            await self._settle_singly(outcomes, error)

    async def retry(self) -> None:
        """Retry locked outcomes one by one, and one of those held back as a probe."""
        locked, self._locked = self._locked, []
        for outcome in locked:
            await self._try_alone(outcome, self._alike.begin())
        if not self._locked:
            self._locked_since_s = None
        if self._alike.common_reason is not None and self._held_back and time.monotonic() >= self._probe_at_s:
            self._probe_at_s = time.monotonic() + PROBE_S
            await self._try_alone(self._held_back.pop(0), self._alike.begin())

    async def _settle_singly(self, outcomes: Sequence[AnyOutcome], error: StoreError) -> None:
        """Write outcomes one by one to single out those that made the batch fail."""
        if len(outcomes) == 1:
            self._judge(outcomes[0], self._alike.begin(), error)
            return
        tickets = [self._alike.begin() for _ in outcomes]
        for outcome, ticket in zip(outcomes, tickets, strict=True):
            if self._alike.common_reason is None:
                await self._try_alone(outcome, ticket)
            else:
                self._held_back.append(outcome)
                self._decide(self._alike.withdraw(ticket, time.monotonic()))
        if self._locked:
            log.warning("store.locked", results_waiting=len(self._locked), error=str(error))

    async def _try_alone(self, outcome: AnyOutcome, ticket: Ticket) -> None:
        self._judge(outcome, ticket, await self._attempt([outcome], lock_wait_s=SHORT_LOCK_WAIT_S))

    async def _attempt(self, outcomes: Sequence[AnyOutcome], *, lock_wait_s: float) -> StoreError | None:
        """Write outcomes together, retrying while the database is down. Returns any other error."""
        attempt, backoff = object(), Backoff()
        self._attempts[attempt] = time.monotonic()
        try:
            while True:
                self.beat()
                try:
                    await self._write(outcomes, lock_wait_s)
                except StoreUnavailable as error:
                    self._last_error = str(error)
                    log.warning("store.unavailable", results_waiting=len(outcomes), error=str(error))
                    await asyncio.sleep(backoff.after_failure_s())
                except StoreError as error:
                    return error
                except Exception as error:  # noqa: BLE001 - a defect of ours over one outcome is not to keep others
                    return self._told_defect(outcomes, error)
                else:
                    self._locked_since_s = None
                    return None
        finally:
            del self._attempts[attempt]

    def _told_defect(self, outcomes: Sequence[AnyOutcome], error: Exception) -> StoreError:
        if len(outcomes) == 1:  # else it is tried alone next, which tells whose fault it is
            log.error("store.defect", overlay_id=str(outcomes[0].request.overlay_id), exc_info=error)
        return RefusedData(f"a defect of this program: {type(error).__name__}")

    def _judge(self, outcome: AnyOutcome, ticket: Ticket, error: StoreError | None) -> None:
        now_s = time.monotonic()
        match error:
            case None:
                self._decide(self._alike.accept(ticket, now_s))
            case StoreContention():
                self._locked.append(outcome)
                self._locked_since_s = self._locked_since_s or time.monotonic()
                self._set_aside(outcome)
                self._decide(self._alike.withdraw(ticket, now_s))
            case MissingReference():
                self._refused(outcome, error)
                self._decide(self._alike.withdraw(ticket, now_s))
            case _:
                if error.sqlstate in _OF_THE_SCHEMA:
                    self._alike.blame_everybody(str(error))
                request = (outcome.request.overlay_id, outcome.request.revision)
                self._undecided[ticket] = outcome, error
                self._decide(self._alike.refuse(ticket, request=request, reason=str(error), now_s=now_s))

    def _decide(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            outcome, error = self._undecided.pop(decision.ticket)
            if decision.fault is Fault.COMMON:
                self._held_back.append(outcome)
            else:
                self._refused(outcome, error)
        if self._alike.common_reason != self._told_reason:
            self._told_reason = self._alike.common_reason
            self._tell()

    def _tell(self) -> None:
        if self._told_reason is not None:
            log.error("store.refused_alike", error=self._told_reason, results_waiting=len(self._held_back))
            self._reopen(cast("set[RequestKey]", self._alike.failed_alike(time.monotonic())))
            return
        # the probe succeeded: what was held back is retried like locked outcomes
        log.info("store.accepted_again", results_waiting=len(self._held_back))
        self._locked.extend(self._held_back)
        self._held_back = []
