"""Claiming events: into the ledger and into slots of this process, one statement for a poll.

An event that the database refuses alone is singled out: it must not hold up those beside it. Neither must one whose
row somebody else is about to write: it is claimed again with the next poll, and until then no offset is committed.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from uuid import UUID

import structlog

from consumer.pipeline.classified_records import Event
from consumer.pipeline.corrections import claim_corrected
from consumer.pipeline.dead_letters import Refusal
from consumer.pipeline.in_flight import ClaimTerms, InFlight
from consumer.pipeline.outcomes import Work
from consumer.pipeline.settling import SHORT_LOCK_WAIT_S
from consumer.pipeline.tenants import Tenants
from consumer.pipeline.traces import Traces
from repository.batch_requests import enter_batched
from repository.errors import RefusedData, StoreContention
from repository.locks import LOCK_WAIT_S
from repository.pool import Pool, connection
from repository.requests import ClaimedRequest, NewRequest, claim_new
from schemas.instagram_feed_created import ExperimentArm
from schemas.overlay_completed import OverlayCompleted
from schemas.reasons import Reason

log = structlog.get_logger()

SLOT_PATIENCE_S = 5.0
MOST_OWED = 100


ArmOf = Callable[[OverlayCompleted], ExperimentArm | None]
"""Which variant of an experiment a new overlay gets."""


class Claims:
    """What the intake claims with."""

    def __init__(
        self, pool: Pool, in_flight: InFlight, terms: ClaimTerms, arm_of: ArmOf, tenants: Tenants, traces: Traces
    ) -> None:
        self._pool = pool
        self._in_flight = in_flight
        self._terms = terms
        self._arm_of = arm_of
        self._traces = traces
        self._tenants = tenants
        self.batched = 0
        """How many of the last claim's events wait for a batch now."""
        self._locked: dict[UUID, Event] = {}

    @property
    def owed(self) -> int:
        """How many events of earlier polls are not in the ledger yet."""
        return len(self._locked)

    async def free_slots(self, *, patience_s: float) -> int:
        """Return how many slots are free; waits a moment for the first."""
        if self._in_flight.free <= 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._in_flight.until_free()
        return max(0, self._in_flight.free)

    async def claim(self, found: Mapping[UUID, Event]) -> tuple[list[Work], list[Refusal]]:
        """Claim those that are not known yet, together; gives these, and what the database refuses of the others.

        With them come the events that are owed, and those of overlays that failed and are sent with other content.

        Raises:
            StoreError: the ledger could not be written; none is held.
            TimeoutError: the slots went to somebody else.
        """
        events, self._locked = {**self._locked, **found}, {}
        self.batched = 0
        if not events:
            return [], []
        wanted = len(events)
        async with asyncio.timeout(SLOT_PATIENCE_S):  # the sweeper may have been faster
            await self._in_flight.reserve(at_least=wanted, at_most=wanted)
        claimed: list[ClaimedRequest] = []
        try:
            asked_at_s = time.monotonic()
            await self._tenants.know_profiles(event.tenant_id for _, event in events.values())
            answer, refused = await self._enter(list(events.values()))
            claimed = self._terms.require_fresh(answer, asked_at_s=asked_at_s)
            self._in_flight.hold(claimed, leased_at_s=asked_at_s)
            self._traces.claimed(claimed, asked_at_s=asked_at_s)
        finally:
            self._in_flight.release(wanted - len(claimed))
        return [Work(request, events[request.overlay_id][1]) for request in claimed], refused

    async def _enter(self, events: Sequence[Event]) -> tuple[list[ClaimedRequest], list[Refusal]]:
        try:
            return await self._enter_together(events), []
        except (RefusedData, StoreContention):
            return await self._enter_singly(events)

    async def _enter_together(
        self, events: Sequence[Event], *, lock_wait_s: float = LOCK_WAIT_S
    ) -> list[ClaimedRequest]:
        batched = [one for one in events if self._tenants.delivery_of(one[1]) == "batch"]
        if batched:
            return await self._enter_some_batched(events, batched, lock_wait_s)
        return await self._enter_live(events, lock_wait_s)

    async def _enter_some_batched(
        self, events: Sequence[Event], batched: Sequence[Event], lock_wait_s: float
    ) -> list[ClaimedRequest]:
        """Enter events of which some are to be written by batch; those that had failed before are written now."""
        async with connection(self._pool) as borrowed:
            entered = await enter_batched(
                borrowed,
                [NewRequest.first(event, source, self._arm_of(event)) for source, event in batched],
                group_id=self._terms.group_id,
                lock_wait_s=lock_wait_s,
            )
        self.batched += len(entered)
        others = [one for one in events if one[1].overlay_id not in entered]
        return await self._enter_live(others, lock_wait_s) if others else []

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

    async def _enter_singly(self, events: Sequence[Event]) -> tuple[list[ClaimedRequest], list[Refusal]]:
        """Enter one by one, as something stands in the way; what the database refuses alone is that event's fault."""
        claimed: list[ClaimedRequest] = []
        refused: list[Refusal] = []
        for event in events:
            try:
                claimed += await self._enter_together([event], lock_wait_s=SHORT_LOCK_WAIT_S)
            except StoreContention as error:
                if len(self._locked) >= MOST_OWED:
                    raise
                log.warning("claim.locked", overlay_id=str(event[1].overlay_id), error=str(error))
                self._locked[event[1].overlay_id] = event
            except RefusedData as error:
                refused.append(Refusal(event[0], Reason.STORE_REFUSED, f"the database refuses it: {error}"))
        return claimed, refused
