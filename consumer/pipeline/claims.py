"""Claiming events: into the ledger and into slots of this process, one statement for a poll.

An event that the database refuses alone is singled out: it must not hold up those beside it.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from uuid import UUID

from consumer.pipeline.classified_records import Event
from consumer.pipeline.dead_letters import Refusal
from consumer.pipeline.in_flight import ClaimTerms, InFlight
from repository.errors import RefusedData
from repository.pool import Pool, connection
from repository.requests import ClaimedRequest, NewRequest, claim_new
from schemas.reasons import Reason

SLOT_PATIENCE_S = 5.0


class Claims:
    """What the intake claims with."""

    def __init__(self, pool: Pool, in_flight: InFlight, terms: ClaimTerms) -> None:
        self._pool = pool
        self._in_flight = in_flight
        self._terms = terms

    async def free_slots(self, *, patience_s: float) -> int:
        """How many slots are free; waits a moment for the first."""
        if self._in_flight.free <= 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._in_flight.until_free()
        return max(0, self._in_flight.free)

    async def claim(self, events: Mapping[UUID, Event]) -> tuple[list[ClaimedRequest], list[Refusal]]:
        """Claim those that are not known yet, together; gives these, and what the database refuses of the others.

        Raises:
            StoreError: the ledger could not be written; none is held.
            TimeoutError: the slots went to somebody else.
        """
        if not events:
            return [], []
        wanted = len(events)
        async with asyncio.timeout(SLOT_PATIENCE_S):  # the sweeper may have been faster
            await self._in_flight.reserve(at_least=wanted, at_most=wanted)
        claimed: list[ClaimedRequest] = []
        try:
            asked_at_s = time.monotonic()
            answer, refused = await self._enter(list(events.values()))
            claimed = self._terms.require_fresh(answer, asked_at_s=asked_at_s)
            self._in_flight.hold(claimed, leased_at_s=asked_at_s)
        finally:
            self._in_flight.release(wanted - len(claimed))
        return claimed, refused

    async def _enter(self, events: Sequence[Event]) -> tuple[list[ClaimedRequest], list[Refusal]]:
        try:
            return await self._enter_together(events), []
        except RefusedData:
            return await self._enter_singly(events)

    async def _enter_together(self, events: Sequence[Event]) -> list[ClaimedRequest]:
        async with connection(self._pool) as borrowed:
            return await claim_new(
                borrowed,
                [NewRequest.first(event, source) for source, event in events],
                owner=self._terms.owner,
                lease_s=self._terms.lease_s,
                group_id=self._terms.group_id,
            )

    async def _enter_singly(self, events: Sequence[Event]) -> tuple[list[ClaimedRequest], list[Refusal]]:
        """One by one, since the database refuses something of them; what it refuses alone is that event's fault."""
        claimed: list[ClaimedRequest] = []
        refused: list[Refusal] = []
        for event in events:
            try:
                claimed += await self._enter_together([event])
            except RefusedData as error:
                refused.append(Refusal(event[0], Reason.STORE_REFUSED, f"the database refuses it: {error}"))
        return claimed, refused
