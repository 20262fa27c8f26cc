"""Storing outcomes: micro-batches by arrival, each kind in one statement that is one transaction.

While a statement runs, outcomes gather; the next statement takes them all. A result that was paid
for is never given up because the database is away: it waits here until the database is back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import structlog

from consumer.pipeline.feed_events import FeedEventBuilder
from consumer.pipeline.in_flight import InFlight
from consumer.pipeline.outbox_relay import RELAY_LEASE_S, OutboxRelay
from consumer.pipeline.outcome_log import OutcomeLog
from consumer.pipeline.outcomes import Outcome, Rejected, RetryLater, Written, unwritten
from consumer.pipeline.retry import RetryPolicy, after_failed_attempt
from consumer.telemetry.watchdog import Beat, unwatched
from repository.errors import MissingReference, RefusedData, StoreError
from repository.feeds import fail, store
from repository.pool import Pool, connection
from repository.requests import Postponement, postpone
from schemas.reasons import Reason

log = structlog.get_logger()

LOOK_S = 5.0  # at the watchdog, while there is nothing to store
RETRY_S = 0.5
MOST_PER_STATEMENT = 500

AnyOutcome = TypeVar("AnyOutcome", Written, RetryLater, Rejected)
Settle = Callable[[Sequence[AnyOutcome]], Awaitable[None]]


class OutcomeStore:
    """Ends requests in the ledger, whatever their outcome, and frees their slots."""

    def __init__(
        self,
        pool: Pool,
        feed_events: FeedEventBuilder,
        relay: OutboxRelay,
        in_flight: InFlight,
        outcome_log: OutcomeLog,
        *,
        policy: RetryPolicy,
        ensure_references: bool,
    ) -> None:
        self._pool = pool
        self._feed_events = feed_events
        self._relay = relay
        self._in_flight = in_flight
        self._outcome_log = outcome_log
        self._policy = policy
        self._ensure_references = ensure_references
        self._beat: Beat = unwatched
        self._waiting: list[Outcome] = []
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, outcome: Outcome) -> None:
        """Leave an outcome to be stored."""
        self._waiting.append(outcome)
        self._idle.clear()
        self._arrived.set()

    async def run(self, beat: Beat = unwatched) -> None:
        """Store without end."""
        self._beat = beat
        while True:
            beat()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._arrived.wait()
            await self.run_once()

    async def run_once(self) -> int:
        """Store what has gathered. Returns how many outcomes that were."""
        self._arrived.clear()
        batch, self._waiting = self._waiting[:MOST_PER_STATEMENT], self._waiting[MOST_PER_STATEMENT:]
        if self._waiting:
            self._arrived.set()
        await self._settle(self._store, [outcome for outcome in batch if isinstance(outcome, Written)])
        await self._settle(self._postpone, [outcome for outcome in batch if isinstance(outcome, RetryLater)])
        await self._settle(self._fail, [outcome for outcome in batch if isinstance(outcome, Rejected)])
        if not self._waiting:
            self._idle.set()
        return len(batch)

    async def drain(self) -> None:
        """Wait until all that was put is stored; `run` does the storing."""
        await self._idle.wait()

    async def _settle(self, settle: "Settle[AnyOutcome]", outcomes: Sequence[AnyOutcome]) -> None:
        """Store outcomes of one kind for good: again and again while the database is away."""
        while outcomes:
            self._beat()
            try:
                await settle(outcomes)
            except (MissingReference, RefusedData) as error:
                await self._settle_singly(settle, outcomes, error)
            except StoreError as error:
                log.warning("store.unavailable", results_waiting=len(self._in_flight.held), error=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            else:
                self._in_flight.finish(outcome.request for outcome in outcomes)
            return

    async def _settle_singly(
        self, settle: "Settle[AnyOutcome]", outcomes: Sequence[AnyOutcome], error: StoreError
    ) -> None:
        """Find the outcome that the database will not take, and end that one in another way."""
        if len(outcomes) > 1:
            for outcome in outcomes:
                await self._settle(settle, [outcome])
            return
        outcome = outcomes[0]
        log.error("store.refused", overlay_id=str(outcome.request.overlay_id), error=str(error))
        self.put(self._instead_of(outcome, error))

    def _instead_of(self, outcome: Outcome, error: StoreError) -> Outcome:
        attempts = outcome.request.attempts
        if isinstance(error, MissingReference):
            decision = after_failed_attempt(attempts, policy=self._policy, random=1.0)
            reason, detail = Reason.MISSING_REFERENCE, str(error)
            return unwritten(outcome.request, outcome.usage, decision, reason=reason, detail=detail)
        return Rejected(
            request=outcome.request,
            usage=outcome.usage,
            attempts=attempts + 1,
            reason=Reason.REFUSED_BY_DATABASE,
            detail=str(error),
        )

    async def _store(self, written: Sequence[Written]) -> None:
        feeds = [self._feed_events.feed(outcome) for outcome in written]
        async with connection(self._pool) as borrowed:
            events = await store(
                borrowed, feeds, ensure_references=self._ensure_references, relay_lease_s=RELAY_LEASE_S
            )
        self._relay.hand_over(events)
        stored = {event.event_id for event in events}
        for outcome, feed in zip(written, feeds, strict=True):
            self._outcome_log.written(outcome, feed, stored=feed.created_event.event_id in stored)

    async def _postpone(self, postponed: Sequence[RetryLater]) -> None:
        async with connection(self._pool) as borrowed:
            await postpone(borrowed, [_postponement(outcome) for outcome in postponed])
        for outcome in postponed:
            self._outcome_log.postponed(outcome)

    async def _fail(self, rejected: Sequence[Rejected]) -> None:
        failures = [self._feed_events.failure(outcome) for outcome in rejected]
        async with connection(self._pool) as borrowed:
            events = await fail(borrowed, failures, relay_lease_s=RELAY_LEASE_S)
        self._relay.hand_over(events)
        for outcome in rejected:
            self._outcome_log.rejected(outcome)


def _postponement(outcome: RetryLater) -> Postponement:
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
    )
