"""Reserving the worst case of each call from the slices of budgets that this process has drawn.

A call is reserved with every budget that it counts towards, in the period in which it begins. While the slice is large
enough this needs no database; otherwise more is drawn, less as the limit nears. Batches reserve with `batch_money`.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from consumer.llm.chat import Messages
from consumer.llm.cost import WorstCase, worst_case
from consumer.llm.writer import Writer
from consumer.pipeline.budgets.periods import Span, span_at, zone_called
from consumer.pipeline.budgets.slice import Slice
from repository.budget_calls import Charge, announce_call
from repository.budget_slices import Position, draw
from repository.budgets import Budget, open_period
from repository.errors import StoreError
from repository.llm_models import LlmModel
from repository.pool import Pool, connection
from repository.requests import ClaimedRequest
from repository.spending import Spending

CALLS_PER_DRAW: Final = 64
"""At most this many worst cases are drawn at once."""
SHARE: Final = 16
"""And at most this part of what is left, so that other processes get a share near the limit."""
FULL_S: Final = 0.5
"""How long a refusal to draw is cached."""
UNPRICED_RETRY: Final = timedelta(minutes=5)
SURE_PART: Final = 2 / 3
"""Share of a lease after which this process may count as lost and its slices as released."""

Clock = Callable[[], datetime]
SliceKey = tuple[UUID, datetime]


class OverBudget(Exception):
    """A call may not be made now.

    `until` is the end of the period; None if the rest is only reserved, so that a retry may succeed soon. `limit` is
    the limit that was exceeded, `amount` what the call needs, in the budget's unit.
    """

    def __init__(
        self,
        budget: Budget,
        detail: str,
        *,
        until: datetime | None,
        limit: Decimal | None = None,
        amount: Decimal | None = None,
    ) -> None:
        super().__init__(detail)
        self.budget = budget
        self.until = until
        self.limit = budget.limit if limit is None else limit
        self.amount = amount


@dataclass(frozen=True, slots=True)
class _Part:
    """What one budget has reserved for a call."""

    budget: Budget
    span: Span
    slice: Slice
    worst: Decimal


@dataclass(frozen=True, slots=True)
class Reservation:
    """The reservation of one call, ended by `end` or, if the call is not made, by `cancel`."""

    request: ClaimedRequest
    call_number: int
    parts: Sequence[_Part] = ()

    def cancel(self) -> None:
        """Release it."""
        for part in self.parts:
            part.slice.cancel(part.worst)

    def end(self, spent: Spending | None) -> tuple[Charge, ...]:
        """Settle it at the cost of the call, or at the worst case (None). Returns the charges to be booked."""
        charges = []
        for part in self.parts:
            cost = None if spent is None else in_unit(part.budget, spent.cost_usd, spent.total_tokens)
            part.slice.end(part.worst, part.worst if cost is None else cost)
            charges.append(self._charge(part, cost))
        return tuple(charges)

    def worst_charges(self) -> list[Charge]:
        """Return the charges if the call's outcome stays unknown."""
        return [self._charge(part, None) for part in self.parts]

    def _charge(self, part: _Part, cost: Decimal | None) -> Charge:
        return Charge(
            overlay_id=self.request.overlay_id,
            revision=self.request.revision,
            fencing_token=self.request.fencing_token,
            call_number=self.call_number,
            budget_id=part.budget.budget_id,
            starts_at=part.span.starts_at,
            amount=part.worst if cost is None else cost,
            is_known=cost is not None,
        )


class Budgets:
    """All budgets, and this process's slices of them."""

    def __init__(
        self,
        pool: Pool,
        owner: str,
        *,
        lease_s: float,
        now: Clock = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.owner = owner
        self.lease_s = lease_s
        self.now = now
        self.slices: dict[SliceKey, Slice] = {}
        self.spans: dict[SliceKey, Span] = {}
        self._pool = pool
        self._monotonic = monotonic
        self._extended_at_s = float("-inf")
        self._by_tenant: dict[str | None, list[Budget]] = {}
        self._current: dict[UUID, Span] = {}
        self._newly_spent: set[SliceKey] = set()
        self._full: dict[SliceKey, tuple[float, Position]] = {}
        self._turns: defaultdict[SliceKey, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def are_there(self) -> bool:
        """Whether there are budgets, or slices of a former one."""
        return bool(self._by_tenant or self.slices)

    def use(self, budgets: Iterable[Budget]) -> None:
        """Replace the budgets."""
        by_tenant: dict[str | None, list[Budget]] = {}
        for budget in budgets:
            by_tenant.setdefault(budget.tenant_id, []).append(budget)
        if by_tenant != self._by_tenant:
            self._by_tenant = by_tenant
            self._current.clear()
            self._full.clear()

    def of(self, tenant_id: str) -> list[Budget]:
        """Return the budgets that a tenant's calls count towards."""
        if not self._by_tenant:
            return []
        return [*self._by_tenant.get(tenant_id, ()), *self._by_tenant.get(None, ())]

    def booked(self, charges: Iterable[Charge]) -> None:
        """Record that the database has booked these charges."""
        for charge in charges:
            if in_hand := self.slices.get((charge.budget_id, charge.starts_at)):
                in_hand.told(charge.amount)

    def take_newly_spent(self) -> list[SliceKey]:
        """Return the periods of budgets that could not pay for a call since the last time."""
        taken, self._newly_spent = list(self._newly_spent), set()
        return taken

    def extended(self, *, asked_at_s: float) -> None:
        """Record that the leases of all slices were extended, as of the time that was requested."""
        self._extended_at_s = asked_at_s

    async def reserve(
        self,
        request: ClaimedRequest,
        messages: Messages,
        writer: Writer,
        *,
        limit_factor: int,
        call_number: int,
        is_further: bool = False,
    ) -> Reservation:
        """Reserve the worst case of a call with all its budgets; `is_further`: it is not the handling's first call.

        Raises:
            OverBudget: one of them cannot pay for it. Nothing is reserved.
        """
        budgets = self.of(request.tenant_id)
        if not budgets:
            return Reservation(request, call_number)
        worst, now = worst_case(messages, writer.max_tokens * limit_factor, writer.model), self.now()
        parts: list[_Part] = []
        reservation = Reservation(request, call_number, parts)
        try:
            for budget in budgets:
                # one by one, so that earlier parts can be released if the next one fails
                parts.append(await self._part(budget, worst, writer, now))  # noqa: PERF401
            if is_further:
                await self._announce(reservation)
        except BaseException:
            reservation.cancel()
            raise
        return reservation

    async def _announce(self, reservation: Reservation) -> None:
        try:
            async with connection(self._pool) as borrowed:
                await announce_call(borrowed, reservation.worst_charges())
        except StoreError as error:
            raise OverBudget(reservation.parts[0].budget, f"its money is not known: {error}", until=None) from error

    async def _part(self, budget: Budget, worst: WorstCase, writer: Writer, now: datetime) -> _Part:
        span = self._span(budget, now)
        amount = in_unit(budget, worst.cost_usd, worst.tokens)
        if amount is None:
            raise unpriced(budget, writer.model, span, now)
        if self._monotonic() - self._extended_at_s > self.lease_s * SURE_PART:
            raise OverBudget(budget, "after a pause, its money is looked at again", until=None)
        in_hand = self.slices.get((budget.budget_id, span.starts_at))
        if in_hand is None or not in_hand.reserve(amount):
            in_hand = await self._drawn(budget, span, amount)
        return _Part(budget, span, in_hand, amount)

    async def _drawn(self, budget: Budget, span: Span, amount: Decimal) -> Slice:
        """Draw more, and return the slice with this amount reserved.

        Raises:
            OverBudget: the budget cannot pay for it.
        """
        key = (budget.budget_id, span.starts_at)
        async with self._turns[key]:
            in_hand = self.slices.get(key) or Slice()
            if in_hand.reserve(amount):
                return in_hand
            position = self._known_full(key)
            if position is None:
                position = await self._draw(budget, span, amount - in_hand.free, amount)
                # registered now, so that what was drawn is returned whatever becomes of this call
                self.slices[key], self.spans[key] = in_hand, span
                in_hand.draw(position.drawn)
                if in_hand.reserve(amount):
                    return in_hand
                self._full[key] = (self._monotonic() + FULL_S, position)
        raise self.over(budget, span, position, amount)

    def over(self, budget: Budget, span: Span, position: Position, amount: Decimal) -> OverBudget:
        """Return the error for a budget in this standing: spent, or only reserved."""
        if position.limit - position.spent >= amount:
            return OverBudget(budget, f"{budget.in_words}: the rest is reserved for calls under way", until=None)
        self._newly_spent.add((budget.budget_id, span.starts_at))
        words = _spent_words(budget, span)
        return OverBudget(budget, words, until=span.ends_at, limit=position.limit, amount=amount)

    async def _draw(self, budget: Budget, span: Span, missing: Decimal, amount: Decimal) -> Position:
        at_most = max(missing, amount * CALLS_PER_DRAW)
        try:
            async with connection(self._pool) as borrowed:
                if (budget.budget_id, span.starts_at) not in self.spans:
                    await open_period(borrowed, budget.budget_id, span.starts_at, span.ends_at)
                position = await draw(
                    borrowed,
                    self.owner,
                    budget.budget_id,
                    span.starts_at,
                    at_least=missing,
                    at_most=at_most,
                    share=SHARE,
                    lease_s=self.lease_s,
                )
        except StoreError as error:
            raise OverBudget(budget, f"its money is not known: {error}", until=None) from error
        if position is None:
            raise OverBudget(budget, "the budget has just been removed", until=None)
        return position

    def _known_full(self, key: SliceKey) -> Position | None:
        until_s, position = self._full.get(key, (float("-inf"), None))
        return position if self._monotonic() < until_s else None

    def _span(self, budget: Budget, now: datetime) -> Span:
        span = self._current.get(budget.budget_id)
        if span is None or not span.contains(now):
            span = self._current[budget.budget_id] = span_at(budget.period, zone_called(budget.timezone), now)
        return span


def unpriced(budget: Budget, model: LlmModel, span: Span, now: datetime) -> OverBudget:
    """Return the error for a model without a price under a budget in USD: unknown is not free."""
    detail = f"{model.full_name} has no price, and {budget.in_words} cannot be held without"
    return OverBudget(budget, detail, until=min(span.ends_at, now + UNPRICED_RETRY))


def in_unit(budget: Budget, cost_usd: Decimal | None, tokens: int | None) -> Decimal | None:
    """Return the figure in a budget's unit."""
    if budget.limit_usd is not None:
        return cost_usd
    return None if tokens is None else Decimal(tokens)


def _spent_words(budget: Budget, span: Span) -> str:
    whose = "of all tenants" if budget.tenant_id is None else "of the tenant"
    return f"the budget {whose}, {budget.in_words}, is spent; it ends {span.ends_at:%Y-%m-%dT%H:%M:%SZ}"
