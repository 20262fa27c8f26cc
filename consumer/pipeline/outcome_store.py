"""Storing outcomes: micro-batches by arrival, each kind in one statement that is one transaction.

Outcomes collect while a statement runs; the next statement takes them all. A paid result is never dropped because the
database is down: it waits here until the database is back.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import structlog

from consumer.pipeline.budgets.booking import booked, settlement_of
from consumer.pipeline.budgets.reserving import Budgets
from consumer.pipeline.faults.fault_finder import PutBack
from consumer.pipeline.feed_events import FeedEventBuilder
from consumer.pipeline.in_flight import InFlight
from consumer.pipeline.outbox_relay import RELAY_LEASE_S, OutboxRelay
from consumer.pipeline.outcome_log import OutcomeLog
from consumer.pipeline.outcomes import Held, Outcome, Rejected, RetryLater, Written, unwritten
from consumer.pipeline.retry import RetryPolicy, after_failed_attempt
from consumer.pipeline.settling import STALLED_AFTER_S, AnyOutcome, Settler
from consumer.pipeline.unused_calls import superseded_call, unused
from consumer.telemetry.watchdog import Beat, unwatched
from repository.budget_calls import Settlement, settle
from repository.errors import MissingReference, RefusedData, StoreError
from repository.feeds import fail, store
from repository.held_requests import Holding, hold
from repository.llm_calls import keep_superseded
from repository.locks import locked_tables
from repository.pool import Connection, Pool, connection
from repository.refusals import refused_columns
from repository.requests import Postponement, postpone
from schemas.call_verdict import CallVerdict
from schemas.reasons import Reason

log = structlog.get_logger()

LOOK_S = 5.0  # how often the watchdog is told, while there is nothing to store
RETRY_S = 1.0
HELD_UP_S = 2.0  # longer than one waits for a lock
MOST_PER_STATEMENT = 500


class OutcomeStore:
    """Commits outcomes of all kinds to the ledger and frees their slots."""

    def __init__(  # noqa: PLR0913 - what an end concerns
        self,
        pool: Pool,
        feed_events: FeedEventBuilder,
        relay: OutboxRelay,
        in_flight: InFlight,
        outcome_log: OutcomeLog,
        budgets: Budgets,
        *,
        put_back: PutBack,
        policy: RetryPolicy,
        ensure_references: bool,
    ) -> None:
        self._pool = pool
        self._feed_events = feed_events
        self._relay = relay
        self._in_flight = in_flight
        self._outcome_log = outcome_log
        self._budgets = budgets
        self._policy = policy
        self._ensure_references = ensure_references
        self._put_back = put_back
        self._written = self._settler("store", self._store)
        self._postponed = self._settler("postpone", self._postpone)
        self._held = self._settler("hold", self._hold)
        self._rejected = self._settler("reject", self._fail)
        self._settlers = (self._written, self._postponed, self._held, self._rejected)
        self._locked_tables: list[str] = []
        self._waiting: list[Outcome] = []
        self._unsettled: dict[int, Outcome] = {}
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def unsettled(self) -> list[Outcome]:
        """Outcomes not in the ledger yet, at most as many as requests in flight."""
        return list(self._unsettled.values())

    @property
    def unavailable_reason(self) -> str | None:
        """Why results cannot be stored, so that nothing more should be paid for; None while they can."""
        if self._locked_tables and self._held_up_s > STALLED_AFTER_S:
            return f"results cannot be stored: somebody has locked {', '.join(self._locked_tables)}"
        reasons = (settler.unavailable_reason for settler in self._settlers)
        return next((reason for reason in reasons if reason), None)

    @property
    def _held_up_s(self) -> float:
        return max(settler.held_up_s for settler in self._settlers)

    def put(self, outcome: Outcome) -> None:
        """Add an outcome to be stored."""
        self._waiting.append(outcome)
        self._unsettled[id(outcome)] = outcome
        self._idle.clear()
        self._arrived.set()

    async def run(self, beat: Beat = unwatched) -> None:
        """Store forever."""
        for settler in self._settlers:
            settler.beat = beat
        while True:
            beat()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._arrived.wait()
            await self.run_once()

    async def run_once(self) -> int:
        """Store the outcomes collected so far. Returns how many there were."""
        self._arrived.clear()
        batch, self._waiting = self._waiting[:MOST_PER_STATEMENT], self._waiting[MOST_PER_STATEMENT:]
        if self._waiting:
            self._arrived.set()
        await self._written.settle([outcome for outcome in batch if isinstance(outcome, Written)])
        await self._postponed.settle([outcome for outcome in batch if isinstance(outcome, RetryLater)])
        await self._held.settle([outcome for outcome in batch if isinstance(outcome, Held)])
        await self._rejected.settle([outcome for outcome in batch if isinstance(outcome, Rejected)])
        return len(batch)

    async def run_retries(self, beat: Beat = unwatched) -> None:
        """Retry forever what could not be stored, beside `run`, which meanwhile stores the others."""
        while True:
            beat()
            await self.retry_once()
            await asyncio.sleep(RETRY_S)

    async def retry_once(self) -> int:
        """Retry what could not be stored. Returns how many outcomes remain."""
        for settler in self._settlers:
            await settler.retry()
        return len(self._unsettled)

    async def run_lock_watch(self, beat: Beat = unwatched) -> None:
        """Look without end what is in the way while nothing can be stored."""
        while True:
            beat()
            await self.look_for_locks()
            await asyncio.sleep(RETRY_S)

    async def look_for_locks(self) -> None:
        """Find out which tables somebody has locked as a whole, if nothing has been stored for a while."""
        if self._held_up_s < HELD_UP_S:
            self._locked_tables = []
            return
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(LOOK_S), connection(self._pool) as borrowed:
                self._locked_tables = await locked_tables(borrowed)

    async def drain(self) -> None:
        """Wait until all outcomes are stored; `run` and `run_retries` do the storing."""
        await self._idle.wait()

    def _settler(
        self, kind: str, write: "Callable[[Sequence[AnyOutcome], float], Awaitable[None]]"
    ) -> "Settler[AnyOutcome]":
        async def timed(outcomes: "Sequence[AnyOutcome]", lock_wait_s: float) -> None:
            began_s = time.perf_counter()
            try:
                await write(outcomes, lock_wait_s)
            except StoreError as error:
                self._outcome_log.statement(kind, len(outcomes), time.perf_counter() - began_s, error)
                raise
            self._outcome_log.statement(kind, len(outcomes), time.perf_counter() - began_s, None)

        return Settler(
            timed,
            set_aside=lambda outcome: self._in_flight.park(outcome.request),
            refused=self._end_otherwise,
            reopen=lambda requests: self._put_back(requests, Reason.STORE_REFUSED),
        )

    async def until_available(self) -> None:
        """Wait until results can be stored again."""
        while self.unavailable_reason is not None:  # noqa: ASYNC110 - one of the reasons is that time has passed
            await asyncio.sleep(RETRY_S)

    def _settled(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            del self._unsettled[id(outcome)]
        self._in_flight.finish(outcome.request for outcome in outcomes)
        if not self._unsettled:
            self._idle.set()

    def _end_otherwise(self, outcome: Outcome, error: StoreError) -> None:
        log.error("store.refused", overlay_id=str(outcome.request.overlay_id), error=str(error))
        if isinstance(outcome, Rejected) and outcome.reason is Reason.STORE_REFUSED:
            # nor its end: the row stays as it is, and comes up again when its lease has run out
            self._settled([outcome])
            return
        instead = self._instead_of(outcome, error)
        del self._unsettled[id(outcome)]
        self.put(instead)

    def _instead_of(self, outcome: Outcome, error: StoreError) -> Outcome:
        outcome = _without_its_post(outcome, error)
        attempts = outcome.request.attempts
        if isinstance(error, MissingReference):
            decision = after_failed_attempt(attempts, policy=self._policy, random=1.0)
            reason, detail = Reason.MISSING_REFERENCE, str(error)
            return unwritten(outcome.request, outcome.usage, decision, reason=reason, detail=detail)
        return Rejected(
            request=outcome.request,
            usage=outcome.usage,
            attempts=attempts + 1,
            reason=Reason.STORE_REFUSED,
            detail=str(error),
        )

    async def _store(self, written: Sequence[Written], lock_wait_s: float) -> None:
        try:
            await self._store_posts(written, lock_wait_s)
        except RefusedData as error:
            async with connection(self._pool) as borrowed:
                if columns := await refused_columns(borrowed, error):
                    error.args = (f"{error} ({', '.join(columns)})",)
            raise

    async def _store_posts(self, written: Sequence[Written], lock_wait_s: float) -> None:
        feeds = [self._feed_events.feed(outcome) for outcome in written]
        settlement = settlement_of(self._budgets, written)
        async with (
            connection(self._pool) as borrowed,
            booked(self._budgets, borrowed, () if settlement else written) as ended_before,
        ):
            events = await store(
                borrowed,
                feeds,
                ensure_references=self._ensure_references,
                relay_lease_s=RELAY_LEASE_S,
                lock_wait_s=lock_wait_s,
                settlement=settlement,
            )
            announced = {event.event_id for event in events}
            not_stored = {
                outcome.instagram_feed_id: superseded_call(outcome)
                for outcome, feed in zip(written, feeds, strict=True)
                if feed.created_event.event_id not in announced
            }
            there = await keep_superseded(borrowed, not_stored) if not_stored else set()
            ended_before |= {one.request.overlay_id for one in written if one.instagram_feed_id in there}
            if settlement:
                await self._book(borrowed, settlement, superseded=not_stored.keys() - there, written=written)
        self._settled(written)
        self._relay.hand_over(events)
        superseded = not_stored.keys() - there
        for outcome, feed in zip(written, feeds, strict=True):
            self._outcome_log.written(outcome, feed, stored=outcome.instagram_feed_id not in superseded)

    async def _book(
        self, borrowed: Connection, settlement: Settlement, *, superseded: Collection[UUID], written: Sequence[Written]
    ) -> None:
        """Book the calls for posts that came second; those of stored posts are booked already."""
        late = [one for one in written if one.instagram_feed_id in superseded]
        if charges := [charge for one in late for charge in one.usage.charges]:
            await settle(borrowed, settlement.owner, charges)
        self._budgets.booked(settlement.charges)

    async def _postpone(self, postponed: Sequence[RetryLater], lock_wait_s: float) -> None:
        async with connection(self._pool) as borrowed, booked(self._budgets, borrowed, postponed):
            await postpone(borrowed, [postponement_of(outcome) for outcome in postponed], lock_wait_s=lock_wait_s)
        self._settled(postponed)
        for outcome in postponed:
            self._outcome_log.postponed(outcome)

    async def _hold(self, held: Sequence[Held], lock_wait_s: float) -> None:
        async with connection(self._pool) as borrowed, booked(self._budgets, borrowed, held):
            await hold(borrowed, [_holding_of(outcome) for outcome in held], lock_wait_s=lock_wait_s)
        self._settled(held)
        for outcome in held:
            self._outcome_log.held(outcome)

    async def _fail(self, rejected: Sequence[Rejected], lock_wait_s: float) -> None:
        failures = [self._feed_events.failure(outcome) for outcome in rejected]
        async with connection(self._pool) as borrowed, booked(self._budgets, borrowed, rejected):
            events = await fail(borrowed, failures, relay_lease_s=RELAY_LEASE_S, lock_wait_s=lock_wait_s)
        self._settled(rejected)
        self._relay.hand_over(events)
        for outcome in rejected:
            self._outcome_log.rejected(outcome)


def _without_its_post(outcome: Outcome, error: StoreError) -> Outcome:
    """Fail a request whose post the database refuses: its answer is kept, to become a post once the cause is fixed."""
    if not isinstance(outcome, Written) or outcome.answer.kept is not None:
        return outcome
    call = unused(outcome.request, outcome.answer, CallVerdict.NOT_STORED, str(error))
    return replace(outcome, usage=outcome.usage.with_unused(call))


def postponement_of(outcome: RetryLater) -> Postponement:
    """Return the postponement to record for an outcome that is not final."""
    request = outcome.request
    return Postponement(
        overlay_id=request.overlay_id,
        revision=request.revision,
        fencing_token=request.fencing_token,
        delay_s=outcome.delay_s,
        attempts=outcome.attempts,
        llm_calls=outcome.usage.llm_calls,
        unrecorded_call=outcome.unrecorded_call,
        spent=outcome.usage.spent,
        reason=outcome.reason,
        detail=outcome.detail,
        unused_calls=outcome.usage.unused,
    )


def _holding_of(outcome: Held) -> Holding:
    request = outcome.request
    return Holding(
        overlay_id=request.overlay_id,
        revision=request.revision,
        fencing_token=request.fencing_token,
        budget_id=outcome.budget_id,
        budget_limit=outcome.limit,
        amount=outcome.amount,
        until=outcome.until,
        llm_calls=outcome.usage.llm_calls,
        spent=outcome.usage.spent,
        reason=outcome.reason,
        detail=outcome.detail,
        unused_calls=outcome.usage.unused,
    )
