"""The money of batches at a provider: reserved with the intent, settled with the results, released at the end.

To be called within the batch's transactions, so that intent and reservation are committed together:

    over = await reserve_for_batch(borrowed, budgets, batch_id, tenant_id, worst)  # then leave its lines out
    await settle_for_batch(borrowed, budgets, batch_id, spent)          # by tenant, with each group of results
    await close_batch_money(borrowed, batch_id)                         # when it is collected

Each amount is the sum over a tenant's lines, at the batch's prices. The money is a slice owned by the batch, which
does not expire; a batch belongs to the period of its intent.
"""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from consumer.llm.cost import WorstCase
from consumer.pipeline.budgets.periods import Span, span_at, zone_called
from consumer.pipeline.budgets.reserving import Budgets, OverBudget, in_unit, unpriced
from repository.budget_slices import (
    SliceInHand,
    SpentOfSlice,
    close_slices,
    draw,
    give_back,
    slices_of,
    spend_of_slices,
)
from repository.budgets import Budget, open_period
from repository.llm_models import LlmModel
from repository.pool import Connection
from repository.spending import Spending


def batch_owner(batch_id: UUID) -> str:
    """Return the owner of a batch's slices."""
    return f"batch:{batch_id}"


async def reserve_for_batch(
    connection: Connection, budgets: Budgets, batch_id: UUID, tenant_id: str, worst: WorstCase, model: LlmModel
) -> OverBudget | None:
    """Reserve the worst case of a tenant's lines; returns the budget that cannot pay for it, if any."""
    drawn: list[tuple[Budget, Decimal]] = []
    # the same order in all processes, so that two batches cannot deadlock
    for budget in sorted(budgets.of(tenant_id), key=lambda one: one.budget_id):
        span = span_at(budget.period, zone_called(budget.timezone), budgets.now())
        amount = in_unit(budget, worst.cost_usd, worst.tokens)
        over = (
            unpriced(budget, model, span, budgets.now())
            if amount is None
            else await _draw(connection, budgets, batch_id, budget, span, amount)
        )
        if over or amount is None:
            await _undraw(connection, batch_id, drawn)
            return over
        drawn.append((budget, amount))
    return None


async def _draw(
    connection: Connection, budgets: Budgets, batch_id: UUID, budget: Budget, span: Span, amount: Decimal
) -> OverBudget | None:
    await open_period(connection, budget.budget_id, span.starts_at, span.ends_at)
    position = await draw(
        connection,
        batch_owner(batch_id),
        budget.budget_id,
        span.starts_at,
        at_least=amount,
        at_most=amount,
        share=1,
        lease_s=None,
    )
    if position is None:
        return OverBudget(budget, "the budget has just been removed", until=None)
    return None if position.drawn >= amount else budgets.over(budget, span, position, amount)


async def _undraw(connection: Connection, batch_id: UUID, drawn: list[tuple[Budget, Decimal]]) -> None:
    owner = batch_owner(batch_id)
    less = {budget.budget_id: amount for budget, amount in drawn}
    kept = [
        SliceInHand(budget_id=one.budget_id, starts_at=one.starts_at, drawn=one.drawn - less[one.budget_id])
        for one in await slices_of(connection, owner)
        if one.budget_id in less
    ]
    await give_back(connection, owner, kept)


async def settle_for_batch(
    connection: Connection, budgets: Budgets, batch_id: UUID, spent: Mapping[str, Spending]
) -> None:
    """Book the cost of results by tenant; an unknown cost counts as nothing until the batch is closed."""
    owner = batch_owner(batch_id)
    slices = {one.budget_id: one.starts_at for one in await slices_of(connection, owner)}
    sums: dict[UUID, Decimal] = {}
    for tenant_id, one in spent.items():
        for budget in budgets.of(tenant_id):
            amount = in_unit(budget, one.cost_usd, one.total_tokens)
            if budget.budget_id in slices and amount is not None:
                sums[budget.budget_id] = sums.get(budget.budget_id, Decimal(0)) + amount
    amounts = [
        SpentOfSlice(budget_id=budget_id, starts_at=slices[budget_id], amount=amount)
        for budget_id, amount in sums.items()
    ]
    await spend_of_slices(connection, owner, amounts)


async def close_batch_money(connection: Connection, batch_id: UUID) -> None:
    """Release what a batch did not use."""
    owner = batch_owner(batch_id)
    ended = [(one.budget_id, one.starts_at) for one in await slices_of(connection, owner)]
    await close_slices(connection, owner, ended)
