"""The sweeper: claims queued requests, and those of any process whose lease expired or whose retry is due.

Background requests (a replay's) come last: they leave part of the slots to live ones, and do not queue for the
provider's rate limit.
"""

import asyncio
import time
from contextlib import suppress

import structlog

from consumer.llm.failover import Failover
from consumer.pipeline.budgets.booking import LostCalls
from consumer.pipeline.dispatcher import Dispatcher
from consumer.pipeline.in_flight import BACKGROUND_SHARE, ClaimTerms, InFlight
from consumer.pipeline.ledger_works import LedgerWorks
from consumer.pipeline.tenants.scheduling import Scheduler
from consumer.pipeline.tracing.traces import Traces
from consumer.telemetry.watchdog import Beat, unwatched
from repository.available_requests import claim_available
from repository.errors import StoreError, StoreUnavailable
from repository.llm_calls import KeptAnswers
from repository.pool import Pool, connection
from repository.requests import ClaimedRequest

log = structlog.get_logger()

SLOT_PATIENCE_S = 20.0
SWEEP_S = 0.5  # so that requests given back by another process are taken within a second
MOST_PER_SWEEP = 100
MOST_BACKGROUND_PER_SWEEP = 10  # a hundred at once would delay live events by tens of ms
BATCH_SHARE = 8  # an eighth of the slots becoming free is worth a sweep
SUSPECTS_S = 2.0
BACKGROUND_PATIENCE_S = 1.0  # the share of the rate limit that live requests may have to wait for


class Sweeper:
    """Claims available requests from the ledger and starts them."""

    def __init__(  # noqa: PLR0913 - what a claim needs, and where it goes
        self,
        pool: Pool,
        dispatcher: Dispatcher,
        works: LedgerWorks,
        in_flight: InFlight,
        failover: Failover,
        scheduler: Scheduler,
        traces: Traces,
        lost_calls: LostCalls,
        *,
        terms: ClaimTerms,
    ) -> None:
        self._pool = pool
        self._dispatcher = dispatcher
        self._works = works
        self._in_flight = in_flight
        self._failover = failover
        self._scheduler = scheduler
        self._traces = traces
        self._lost_calls = lost_calls
        self._terms = terms
        self._reclaim_from_s = 0.0
        self._suspects_at_s = 0.0

    async def run(self, beat: Beat = unwatched) -> None:
        """Sweep forever, without a pause while there is more than one sweep can take."""
        while True:
            beat()
            try:
                taken = await self.run_once()
            except StoreError as error:
                log.warning("sweeper.store_unavailable", error=str(error))
                taken = 0
            if taken < MOST_PER_SWEEP:
                await self._pause(taken)

    async def run_once(self) -> int:
        """Claim available requests, live ones first, as far as there are slots. Returns how many were claimed.

        Raises:
            StoreError: the ledger could not be asked.
        """
        if self._dispatcher.unavailable_reason is not None:
            return 0
        try:
            return await self._sweep_all()
        except StoreUnavailable:
            # after an outage (a promoted standby) holders must first get time to extend their leases
            self._reclaim_from_s = time.monotonic() + self._terms.lease_s / 2
            raise

    async def _sweep_all(self) -> int:
        await self._scheduler.look()
        taken = await self._sweep(self._failover.allowance(MOST_PER_SWEEP), background=False)
        room = min(MOST_BACKGROUND_PER_SWEEP, self._in_flight.free - self._left_to_live)
        if room > 0:
            taken += await self._sweep(self._failover.allowance(room, within_s=BACKGROUND_PATIENCE_S), background=True)
        return taken + await self._sweep_suspects()

    async def _sweep_suspects(self) -> int:
        """At intervals, claim one of the requests suspected of killing processes; it is handled alone."""
        if time.monotonic() < self._suspects_at_s or self._in_flight.free <= 0:
            return 0
        self._suspects_at_s = time.monotonic() + SUSPECTS_S
        taken = await self._sweep(self._failover.allowance(1), suspects=True)
        return taken or await self._sweep(self._failover.allowance(1), suspects=True, background=True)

    @property
    def _left_to_live(self) -> int:
        return self._in_flight.slots - max(1, int(self._in_flight.limit * BACKGROUND_SHARE))

    async def _pause(self, taken: int) -> None:
        """Wait for the next sweep; after a successful one, only until slots become free."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_S):
                if not taken:
                    await self._scheduler.until_more()
                else:
                    left = 0 if self._scheduler.is_contended else self._left_to_live
                    await self._in_flight.until_free(left + max(1, self._in_flight.limit // BATCH_SHARE))

    async def _sweep(self, allowed: int, *, background: bool = False, suspects: bool = False) -> int:
        if not allowed or not (suspects or self._scheduler.has_work(background=background)):
            return 0
        try:
            async with asyncio.timeout(SLOT_PATIENCE_S):  # so that the round ends and the watchdog sees it
                room = await self._in_flight.reserve(at_least=1, at_most=allowed)
        except TimeoutError:
            return 0
        claimed: list[ClaimedRequest] = []
        kept: KeptAnswers = {}
        turn = None if suspects else self._scheduler.turn(room, background=background)
        try:
            if turn is not None and turn.is_empty:
                return 0
            async with connection(self._pool) as borrowed, self._lost_calls.transaction(borrowed):
                asked_at_s = time.monotonic()
                answer = await claim_available(
                    borrowed,
                    owner=self._terms.owner,
                    lease_s=self._terms.lease_s,
                    limit=room,
                    held=self._in_flight.held,
                    background=background,
                    reclaim=asked_at_s >= self._reclaim_from_s,
                    group_id=self._terms.group_id,
                    max_takeovers=self._terms.max_takeovers,
                    suspects=suspects,
                    tenants=turn.shares if turn else None,
                )
                await self._lost_calls.book(borrowed, answer)
                kept = await self._works.kept_answers(borrowed, answer)
            if turn:
                self._scheduler.took(turn, answer)
            claimed = self._terms.require_fresh(sorted(answer, key=_sending), asked_at_s=asked_at_s)
            self._in_flight.hold(claimed, leased_at_s=asked_at_s)
            self._traces.claimed(claimed, asked_at_s=asked_at_s)
        finally:
            self._in_flight.release(room - len(claimed))
        works = self._works.of(claimed, kept)
        await self._dispatcher.start(works, alone=suspects, background=background)
        return len(claimed)


def _sending(request: ClaimedRequest) -> tuple[int, int, int]:
    """Return a sort key for the order in which requests were sent."""
    return request.source.timestamp_ms, request.source.partition, request.source.offset
