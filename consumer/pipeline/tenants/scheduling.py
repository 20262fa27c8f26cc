"""Which request starts next: at once while none is queued, else by fair shares over those queued in the ledger."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from consumer.pipeline.classified_records import Event
from consumer.pipeline.tenants.backlog import Backlog
from consumer.pipeline.tenants.fair_shares import FairShares
from consumer.pipeline.tenants.known_tenants import Tenants
from repository.available_requests import take_census
from repository.pool import Pool, connection
from repository.requests import ClaimedRequest

CENSUS_S: Final = 0.5  # so that requests given back by another process are taken within a second
MOST_AHEAD_PER_POLL: Final = 250
LEAST_AHEAD_PER_POLL: Final = 100  # while slots are taken: fewer at a time would cost more each


@dataclass(frozen=True, slots=True)
class Turn:
    """What to claim together: so many of each tenant, or the oldest of all (None), and abandoned ones."""

    slots: int
    shares: Mapping[str, int] | None
    any_lost: bool
    background: bool
    noted: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to claim."""
        return self.shares is not None and not self.shares and not self.any_lost


class Scheduler:
    """Shares the slots of this process among the tenants with queued requests."""

    def __init__(
        self,
        pool: Pool,
        tenants: Tenants,
        *,
        is_fair: bool,
        read_ahead: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_fair = is_fair
        self.backlog = Backlog(read_ahead if is_fair else 0)
        self._pool = pool
        self._tenants = tenants
        self._clock = clock
        self._least_ahead = min(LEAST_AHEAD_PER_POLL, read_ahead)
        in_flight: Counter[str] = Counter()
        self._shares = {background: FairShares(tenants.terms_of, in_flight) for background in (False, True)}
        self._lost: set[bool] = set()
        self._census_from_s = 0.0

    @property
    def is_contended(self) -> bool:
        """Whether live requests are queued that may start: new ones have to queue behind them."""
        room = self._shares[False].room
        return any(room(tenant_id) != 0 for tenant_id in self.backlog.tenants())

    @property
    def room_ahead(self) -> int:
        """How many records are worth reading beyond the free slots."""
        room = self.backlog.room
        return min(room, MOST_AHEAD_PER_POLL) if room >= self._least_ahead or not self.is_contended else 0

    def split(self, events: Sequence[Event], slots: int) -> tuple[list[Event], list[Event]]:
        """Split events of known tenants into those that get a free slot at once, and those to be queued."""
        if not self.is_fair:
            return list(events), []
        if len(events) > slots or self.is_contended:
            return [], list(events)
        shares, waiting = self._shares[False], self.backlog.tenants()
        shares.nobody_waits()
        at_once: list[Event] = []
        to_wait: list[Event] = []
        asked: Counter[str] = Counter()
        for event in events:
            tenant_id = event[1].tenant_id
            room = shares.room(tenant_id)
            may_begin = tenant_id not in waiting and (room is None or asked[tenant_id] < room)
            asked[tenant_id] += 1
            (at_once if may_begin else to_wait).append(event)
        return at_once, to_wait

    async def look(self) -> None:
        """Take a census of the ledger: always while no tenant is known to be queued, else at intervals.

        Raises:
            StoreError: the ledger could not be read.
        """
        now = self._clock()
        if not self.is_fair or (self.backlog.any_waits and now < self._census_from_s):
            return
        since = self.backlog.noted
        async with connection(self._pool) as borrowed:
            census = await take_census(borrowed, count_up_to=self.backlog.ahead)
        self._census_from_s = now + CENSUS_S
        self._lost = {False, True} if census.any_lost else set()
        self.backlog.correct(census, since=since)
        await self._tenants.know_profiles([*self.backlog.tenants(), *self.backlog.tenants(background=True)])

    def has_work(self, *, background: bool) -> bool:
        """Return whether there may be something to claim."""
        return not self.is_fair or background in self._lost or bool(self.backlog.tenants(background=background))

    def turn(self, slots: int, *, background: bool) -> Turn:
        """Return what to claim for free slots; starts nothing."""
        shares = None
        if self.is_fair:
            shares = self._shares[background].share_out(self.backlog.tenants(background=background), slots)
        return Turn(slots, shares, background in self._lost, background, self.backlog.noted)

    def took(self, turn: Turn, claimed: Collection[ClaimedRequest]) -> None:
        """Record what a turn claimed."""
        if len(claimed) < turn.slots:
            self._lost.discard(turn.background)
        waited = [request.tenant_id for request in claimed if not request.takeovers]
        self.backlog.take(turn.shares or {}, waited, background=turn.background, since=turn.noted)

    async def until_more(self) -> None:
        """Wait until something is queued, or ends while something is queued."""
        await self.backlog.until_changed()

    async def until_room_ahead(self, *, patience_s: float) -> int:
        """Return how many records may be read ahead; waits a moment for a queued one to be taken."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self.backlog.until_changed()
        return self.room_ahead

    def begin(self, tenant_id: str, *, background: bool) -> float:
        """Charge a request that starts; returns the tokens charged."""
        return self._shares[background].begin(tenant_id)

    def settle(self, tenant_id: str, charged: float, tokens: int | None, *, background: bool) -> None:
        """Correct the charge by the tokens used; None if unknown."""
        self._shares[background].settle(tenant_id, charged, tokens)
        self.backlog.wake_if_any()
