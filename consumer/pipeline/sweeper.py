"""The sweeper: takes over requests whose lease ran out or whose next attempt is due, from any process.

Requests in the background (a replay's) come last: they leave a part of the slots to live ones, and do not
queue for the provider's rate limit.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

import structlog

from consumer.llm.failover import Failover
from consumer.pipeline.dispatcher import Dispatcher
from consumer.pipeline.in_flight import BACKGROUND_SHARE, ClaimTerms, InFlight
from consumer.pipeline.outcome_store import OutcomeStore
from consumer.pipeline.outcomes import Rejected, Work, usage_so_far
from consumer.pipeline.traces import Traces
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.watchdog import Beat, unwatched
from repository.errors import StoreError, StoreUnavailable
from repository.llm_calls import KeptAnswers, kept_answers
from repository.pool import Connection, Pool, connection
from repository.requests import ClaimedRequest, claim_available
from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.reasons import Reason

log = structlog.get_logger()

SLOT_PATIENCE_S = 20.0
SWEEP_S = 0.5  # what another process gives back is taken within a second
MOST_PER_SWEEP = 100
MOST_BACKGROUND_PER_SWEEP = 10  # begun at once, a hundred would make live events wait for tens of ms
BATCH_SHARE = 8  # an eighth of the slots coming free is worth a sweep
SUSPECTS_S = 2.0
BACKGROUND_PATIENCE_S = 1.0  # of what the rate limit lets through, live requests wait for no more than this


class Sweeper:
    """Claims what is available in the ledger and starts it like any other work."""

    def __init__(
        self,
        pool: Pool,
        dispatcher: Dispatcher,
        outcome_store: OutcomeStore,
        in_flight: InFlight,
        failover: Failover,
        metrics: Metrics,
        traces: Traces,
        *,
        terms: ClaimTerms,
    ) -> None:
        self._pool = pool
        self._dispatcher = dispatcher
        self._outcome_store = outcome_store
        self._in_flight = in_flight
        self._failover = failover
        self._metrics = metrics
        self._traces = traces
        self._terms = terms
        self._reclaim_from_s = 0.0
        self._suspects_at_s = 0.0

    async def run(self, beat: Beat = unwatched) -> None:
        """Sweep without end, at once again while there is more than one sweep can take."""
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
        """Take what is available, live requests first, as far as there are slots. Returns how many were taken.

        Raises:
            StoreError: the ledger could not be asked.
        """
        if self._outcome_store.unavailable_reason is not None:
            return 0
        taken = await self._sweep(self._failover.allowance(MOST_PER_SWEEP), background=False)
        room = min(MOST_BACKGROUND_PER_SWEEP, self._in_flight.free - self._left_to_live)
        if room > 0:
            taken += await self._sweep(self._failover.allowance(room, within_s=BACKGROUND_PATIENCE_S), background=True)
        return taken + await self._sweep_suspects()

    async def _sweep_suspects(self) -> int:
        """Take, now and then, one of the requests that may be what kills processes: it is handled alone."""
        if time.monotonic() < self._suspects_at_s or self._in_flight.free <= 0:
            return 0
        self._suspects_at_s = time.monotonic() + SUSPECTS_S
        taken = await self._sweep(self._failover.allowance(1), suspects=True)
        return taken or await self._sweep(self._failover.allowance(1), suspects=True, background=True)

    @property
    def _left_to_live(self) -> int:
        return self._in_flight.slots - max(1, int(self._in_flight.limit * BACKGROUND_SHARE))

    async def _pause(self, taken: int) -> None:
        """Wait for the next sweep; after one that took something there may be more as soon as slots come free."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_S):
                if taken:
                    await self._in_flight.until_free(self._left_to_live + max(1, self._in_flight.limit // BATCH_SHARE))
                else:
                    await asyncio.sleep(SWEEP_S)

    async def _sweep(self, allowed: int, *, background: bool = False, suspects: bool = False) -> int:
        if not allowed:
            return 0
        try:
            async with asyncio.timeout(SLOT_PATIENCE_S):  # so that a round ends, and the watchdog sees it
                room = await self._in_flight.reserve(at_least=1, at_most=allowed)
        except TimeoutError:
            return 0
        claimed: list[ClaimedRequest] = []
        try:
            async with connection(self._pool) as borrowed:
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
                )
                kept = await _kept_answers(borrowed, answer)
            claimed = self._terms.require_fresh(answer, asked_at_s=asked_at_s)
            self._in_flight.hold(claimed, leased_at_s=asked_at_s)
            self._traces.claimed(claimed, asked_at_s=asked_at_s)
        except StoreUnavailable:
            # holders could not extend their leases either (a standby is promoted): give them time to
            self._reclaim_from_s = time.monotonic() + self._terms.lease_s / 2
            raise
        finally:
            self._in_flight.release(room - len(claimed))
        self._metrics.reclaimed.inc(sum(request.reclaimed for request in claimed))
        works = [
            work for request in claimed if not self._is_to_blame(request) and (work := self._decode(request, kept))
        ]
        await self._dispatcher.start(works, alone=suspects)
        return len(claimed)

    def _is_to_blame(self, request: ClaimedRequest) -> bool:
        """Return whether a request was handled alone when its process was lost, and ended for that."""
        if request.takeovers <= self._terms.max_takeovers:
            return False
        detail = f"{request.takeovers} processes in a row were lost while they handled it, the last one it alone"
        self._outcome_store.put(_rejected(request, Reason.KILLS_PROCESS, detail))
        return True

    def _decode(self, request: ClaimedRequest, kept: KeptAnswers) -> Work | None:
        """Decode stored bytes, which were valid once; after a change of the contract they may not be any more."""
        try:
            event = decode_overlay_completed(
                request.source, max_event_bytes=self._terms.max_event_bytes, event_types=self._terms.event_types
            )
        except (InvalidEvent, IgnoredEvent) as error:
            self._outcome_store.put(_rejected(request, Reason.INVALID_EVENT, str(error)))
            return None
        return Work(request, event, kept.get((request.overlay_id, request.revision), ()))


def _rejected(request: ClaimedRequest, reason: Reason, detail: str) -> Rejected:
    return Rejected(
        request=request, usage=usage_so_far(request), attempts=request.attempts, reason=reason, detail=detail
    )


async def _kept_answers(borrowed: Connection, claimed: Sequence[ClaimedRequest]) -> KeptAnswers:
    """Return what earlier handlings paid for: it is judged again before another call is."""
    called_for = [(request.overlay_id, request.revision) for request in claimed if request.llm_calls]
    return await kept_answers(borrowed, called_for) if called_for else {}
