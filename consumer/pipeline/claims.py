"""Claiming events: into the ledger and into slots of this process, one statement per poll.

An event that the database alone refuses is singled out, so that it does not hold up the others. So is one whose row is
locked by another transaction: it is claimed again with the next poll, and until then its offset is not committed.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from uuid import UUID

import structlog

from consumer.kafka.poller import Place
from consumer.pipeline.classified_records import Event
from consumer.pipeline.corrections import claim_corrected
from consumer.pipeline.dead_letters import Refusal
from consumer.pipeline.in_flight import ClaimTerms, InFlight
from consumer.pipeline.outcomes import Work
from consumer.pipeline.settling import SHORT_LOCK_WAIT_S
from consumer.pipeline.tenants.known_tenants import Tenants
from consumer.pipeline.tenants.scheduling import Scheduler
from consumer.pipeline.tracing.traces import Traces
from repository.batch_requests import enter_batched
from repository.errors import RefusedData, StoreContention
from repository.locks import LOCK_WAIT_S
from repository.pool import Pool, connection
from repository.requests import ClaimedRequest, NewRequest, claim_new, enter_waiting
from schemas.instagram_feed_created import ExperimentArm
from schemas.overlay_completed import OverlayCompleted
from schemas.reasons import Reason

log = structlog.get_logger()

SLOT_PATIENCE_S = 5.0
MOST_OWED = 100


ArmOf = Callable[[OverlayCompleted], ExperimentArm | None]
"""The variant of an experiment that a new overlay gets."""


class Claims:
    """Claims the events of polls."""

    def __init__(
        self,
        pool: Pool,
        in_flight: InFlight,
        terms: ClaimTerms,
        arm_of: ArmOf,
        tenants: Tenants,
        scheduler: Scheduler,
        traces: Traces,
    ) -> None:
        self._pool = pool
        self._in_flight = in_flight
        self._terms = terms
        self._arm_of = arm_of
        self._traces = traces
        self._tenants = tenants
        self._scheduler = scheduler
        self.waiting = 0
        """How many events of the last claim are in the ledger and wait for a slot."""
        self.batched = 0
        """How many events of the last claim wait for a batch."""
        self._locked: dict[UUID, Event] = {}

    @property
    def owed(self) -> int:
        """How many events of earlier polls are not in the ledger yet."""
        return len(self._locked)

    @property
    def owed_places(self) -> list[Place]:
        """Where their records lie."""
        return [(source.partition, source.offset) for source, _ in self._locked.values()]

    async def room(self, *, may_read_ahead: bool, patience_s: float) -> tuple[int, int]:
        """Return how many events may start at once, and how many more may be queued; waits a moment for either.

        New events do not overtake live requests that are queued and may start.
        """
        ahead = self._scheduler.room_ahead if may_read_ahead else 0
        if self._scheduler.is_contended:
            return 0, ahead or await self._scheduler.until_room_ahead(patience_s=patience_s)
        if self._in_flight.free <= 0 and not ahead:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._in_flight.until_free()
        return max(0, self._in_flight.free), ahead

    async def claim(self, found: Mapping[UUID, Event], *, at_once: int) -> tuple[list[Work], list[Refusal]]:
        """Claim the events that are not known yet; return them, and those that the database refuses.

        The claim includes events still owed, and failed overlays that are sent again with changed content.
        At most `at_once` start now, and only if no other request is queued; the rest is queued.

        Raises:
            StoreError: the ledger could not be written; none is held.
            TimeoutError: the slots were taken meanwhile.
        """
        events, self._locked = {**self._locked, **found}, {}
        self.batched = self.waiting = 0
        if not events:
            return [], []
        await self._tenants.know_profiles(event.tenant_id for _, event in events.values())
        slots = min(at_once, self._in_flight.free)
        now, later = self._scheduler.split(list(events.values()), slots)
        # queue first: should the claim fail, nothing is held
        _, refused = await self._enter(later, to_wait=True) if later else ([], [])
        works, refused_now = await self._claim_now(now) if now else ([], [])
        return works, refused + refused_now

    async def _claim_now(self, events: Sequence[Event]) -> tuple[list[Work], list[Refusal]]:
        wanted = len(events)
        async with asyncio.timeout(SLOT_PATIENCE_S):  # the sweeper may have taken it meanwhile
            await self._in_flight.reserve(at_least=wanted, at_most=wanted)
        claimed: list[ClaimedRequest] = []
        try:
            asked_at_s = time.monotonic()
            answer, refused = await self._enter(events)
            claimed = self._terms.require_fresh(answer, asked_at_s=asked_at_s)
            self._in_flight.hold(claimed, leased_at_s=asked_at_s)
            self._traces.claimed(claimed, asked_at_s=asked_at_s)
        finally:
            self._in_flight.release(wanted - len(claimed))
        by_overlay = {event.overlay_id: event for _, event in events}
        return [Work(request, by_overlay[request.overlay_id]) for request in claimed], refused

    async def _enter(
        self, events: Sequence[Event], *, to_wait: bool = False
    ) -> tuple[list[ClaimedRequest], list[Refusal]]:
        try:
            return await self._enter_together(events, to_wait=to_wait), []
        except (RefusedData, StoreContention):
            return await self._enter_singly(events, to_wait=to_wait)

    async def _enter_together(
        self, events: Sequence[Event], *, to_wait: bool, lock_wait_s: float = LOCK_WAIT_S
    ) -> list[ClaimedRequest]:
        enter_live = self._enter_waiting if to_wait else self._enter_live
        batched = [one for one in events if self._tenants.delivery_of(one[1]) == "batch"]
        if batched:
            events = await self._without_batched(events, batched, lock_wait_s)
        return await enter_live(events, lock_wait_s) if events else []

    async def _without_batched(
        self, events: Sequence[Event], batched: Sequence[Event], lock_wait_s: float
    ) -> Sequence[Event]:
        """Enter events to be written by batch, including corrected ones that had failed. Return the others."""
        async with connection(self._pool) as borrowed:
            entered = await enter_batched(
                borrowed,
                [NewRequest.first(event, source, self._arm_of(event)) for source, event in batched],
                group_id=self._terms.group_id,
                lock_wait_s=lock_wait_s,
            )
            known = {event.overlay_id: (source, event) for source, event in batched if event.overlay_id not in entered}
            corrected = await claim_corrected(borrowed, known, self._terms, to_wait=True, by_batch=True)
        entered.update(request.overlay_id for request in corrected)
        self.batched += len(entered)
        return [one for one in events if one[1].overlay_id not in entered]

    async def _enter_live(self, events: Sequence[Event], lock_wait_s: float) -> list[ClaimedRequest]:
        async with connection(self._pool) as borrowed:
            new = await claim_new(
                borrowed,
                [NewRequest.first(event, source, self._arm_of(event)) for source, event in events],
                owner=self._terms.owner,
                lease_s=self._terms.lease_s,
                group_id=self._terms.group_id,
                lock_wait_s=lock_wait_s,
            )
            entered = {request.overlay_id for request in new}
            known = {event.overlay_id: (source, event) for source, event in events if event.overlay_id not in entered}
            return new + await claim_corrected(borrowed, known, self._terms)

    async def _enter_waiting(self, events: Sequence[Event], lock_wait_s: float) -> list[ClaimedRequest]:
        """Queue events for any process to claim; they hold no lease."""
        async with connection(self._pool) as borrowed:
            entered = await enter_waiting(
                borrowed,
                [NewRequest.first(event, source, self._arm_of(event)) for source, event in events],
                group_id=self._terms.group_id,
                lock_wait_s=lock_wait_s,
            )
            known = {event.overlay_id: (source, event) for source, event in events if event.overlay_id not in entered}
            corrected = await claim_corrected(borrowed, known, self._terms, to_wait=True)
        waiting = entered.union(request.overlay_id for request in corrected)
        self.waiting += len(waiting)
        self._scheduler.backlog.enter(event.tenant_id for _, event in events if event.overlay_id in waiting)
        return []

    async def _enter_singly(
        self, events: Sequence[Event], *, to_wait: bool
    ) -> tuple[list[ClaimedRequest], list[Refusal]]:
        """Enter events one by one after the batch failed; what the database refuses alone is at fault itself."""
        claimed: list[ClaimedRequest] = []
        refused: list[Refusal] = []
        for event in events:
            try:
                claimed += await self._enter_together([event], to_wait=to_wait, lock_wait_s=SHORT_LOCK_WAIT_S)
            except StoreContention as error:
                if len(self._locked) >= MOST_OWED:
                    raise
                log.warning("claim.locked", overlay_id=str(event[1].overlay_id), error=str(error))
                self._locked[event[1].overlay_id] = event
            except RefusedData as error:
                refused.append(Refusal(event[0], Reason.STORE_REFUSED, f"the database refuses it: {error}"))
        return claimed, refused
