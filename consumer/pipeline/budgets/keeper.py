"""The budget keeper: reads budgets, extends slices, returns idle money, releases held requests."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from consumer.pipeline.budgets.reserving import Budgets, SliceKey
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.watchdog import Beat, unwatched
from repository.budget_slices import (
    SliceInHand,
    SpentOfSlice,
    close_lost_slices,
    close_slices,
    extend_slices,
    give_back,
    spend_of_slices,
)
from repository.budgets import Budget, all_budgets, note_spent, note_warnings, warned_budgets
from repository.errors import StoreError
from repository.held_requests import MOST_PER_RELEASE, release_due, release_fitting
from repository.pool import Connection, Pool, connection, transaction

log = structlog.get_logger()

ROUND_S: Final = 1.0
"""Changes should be known within a second or two; a round without budgets is one small query."""
EXTEND_PART: Final = 1 / 6


class BudgetKeeper:
    """Maintains the budgets and slices of this process."""

    def __init__(self, pool: Pool, budgets: Budgets, metrics: Metrics) -> None:
        self._pool = pool
        self._budgets = budgets
        self._metrics = metrics
        self._extend_at_s = float("-inf")
        self._known: dict[UUID, Budget] = {}

    async def begin(self) -> None:
        """Read the budgets before the first call, however long that takes."""
        while not await self._tried():  # noqa: ASYNC110 - the database has no event to wait for
            await asyncio.sleep(ROUND_S)

    async def run(self, beat: Beat = unwatched) -> None:
        """Maintain them forever."""
        while True:
            beat()
            await self._tried()
            await asyncio.sleep(ROUND_S)

    async def _tried(self) -> bool:
        try:
            await self.run_once()
        except StoreError as error:
            log.warning("budgets.store_unavailable", error=str(error))
            return False
        return True

    async def run_once(self) -> int:
        """Run one round. Returns how many held requests were released.

        Raises:
            StoreError: the database could not be asked.
        """
        async with connection(self._pool) as borrowed:
            known = await all_budgets(borrowed)
            self._known = {budget.budget_id: budget for budget in known}
            released = await self._release(borrowed)
            if known or self._budgets.slices:
                await self._extend(borrowed)
                await close_lost_slices(borrowed)
                await self._give_back(borrowed)
                await self._warn(borrowed)
            else:
                self._metrics.ledger.tell_budgets(0, 0)
        self._budgets.use(known)
        return released

    async def close(self) -> None:
        """Return all money at shutdown. Calls that are not booked yet count at their worst case from now on.

        Raises:
            StoreError: the database could not be written; the slices will expire.
        """
        slices = self._budgets.slices
        if not slices:
            return
        untold = [
            SpentOfSlice(budget_id=key[0], starts_at=key[1], amount=in_hand.reserved + in_hand.untold)
            for key, in_hand in slices.items()
            if not in_hand.is_idle
        ]
        async with connection(self._pool) as borrowed, transaction(borrowed):
            if untold:
                await spend_of_slices(borrowed, self._budgets.owner, untold)
            await close_slices(borrowed, self._budgets.owner, list(slices))
        self._forget(list(slices))

    async def _release(self, borrowed: Connection) -> int:
        released = 0
        while (some := await release_due(borrowed, self._budgets.now())) == MOST_PER_RELEASE:
            released += some
        if released := released + some + await release_fitting(borrowed, self._budgets.now()):
            log.info("budget.released", requests=released)
        return released

    async def _extend(self, borrowed: Connection) -> None:
        """Extend the leases of slices; missing ones were released while this process stood still."""
        asked_at_s = time.monotonic()
        if asked_at_s < self._extend_at_s:
            return
        before = list(self._budgets.slices)
        kept = await extend_slices(borrowed, self._budgets.owner, lease_s=self._budgets.lease_s)
        there = {(one.budget_id, one.starts_at) for one in kept}
        self._forget([key for key in before if key not in there])
        self._budgets.extended(asked_at_s=asked_at_s)
        self._extend_at_s = asked_at_s + self._budgets.lease_s * EXTEND_PART

    async def _give_back(self, borrowed: Connection) -> None:
        """Return what was not needed since the last round, and close slices of past periods."""
        now, slices = self._budgets.now(), self._budgets.slices
        over = [key for key, span in self._budgets.spans.items() if now >= span.ends_at]
        ended = [key for key in over if key in slices and slices[key].is_idle]
        if ended:
            await close_slices(borrowed, self._budgets.owner, ended)
        self._forget([key for key in over if key not in slices or key in ended])
        kept = [
            SliceInHand(budget_id=key[0], starts_at=key[1], drawn=in_hand.drawn)
            for key, in_hand in slices.items()
            if in_hand.surplus()
        ]
        if kept:
            await give_back(borrowed, self._budgets.owner, kept)

    def _forget(self, keys: Sequence[SliceKey]) -> None:
        for key in keys:
            self._budgets.slices.pop(key, None)
            self._budgets.spans.pop(key, None)

    async def _warn(self, borrowed: Connection) -> None:
        now = self._budgets.now()
        for key in self._budgets.take_newly_spent():
            if await note_spent(borrowed, *key) and (budget := self._known.get(key[0])):
                log.warning("budget.spent", **about(budget))
        for budget_id, percent in await note_warnings(borrowed, now):
            if budget := self._known.get(budget_id):
                log.warning("budget.nearly_spent", **about(budget), percent=percent)
        self._metrics.ledger.tell_budgets(*await warned_budgets(borrowed, now))


def about(budget: Budget) -> dict[str, str]:
    """Return a budget's fields for a log line."""
    return {"tenant_id": budget.tenant_id or "(all)", "budget": budget.in_words}
