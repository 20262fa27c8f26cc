"""The money of batches at a provider: reserved at the intent, settled as results come, given back at the end.

To be called in the transactions of the batch, so that what is intended is reserved, or neither is:

    over = await reserve_for_batch(borrowed, budgets, batch_id, worst)  # by tenant; leave those of `over` out
    await settle_for_batch(borrowed, budgets, batch_id, spent)          # by tenant, with each group of results
    await close_batch_money(borrowed, batch_id)                         # when it is collected

Each amount is the sum over a tenant's lines, at the batch's prices. The money is a slice of the batch's own, which
does not expire; a batch belongs to the period of its intent.
"""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from consumer.llm.cost import WorstCase
from consumer.pipeline.budgets.periods import span_at
from consumer.pipeline.budgets.reserving import Budgets, in_unit
from repository.budgets import (
    Budget,
    SliceInHand,
    SpentOfSlice,
    close_slices,
    draw,
    give_back,
    open_period,
    slices_of,
    spend_of_slices,
)
from repository.pool import Connection
from repository.spending import Spending


def batch_owner(batch_id: UUID) -> str:
    """Return the name that a batch's slices are held under."""
    return f"batch:{batch_id}"


async def reserve_for_batch(
    connection: Connection, budgets: Budgets, batch_id: UUID, worst: Mapping[str, WorstCase]
) -> set[str]:
    """Set aside what each tenant's lines may take. Returns the tenants whose budgets have not so much."""
    over = set()
    # one order in all processes: two batches must not deadlock
    for tenant_id in sorted(worst):
        drawn: list[tuple[Budget, Decimal]] = []
        for budget in sorted(budgets.of(tenant_id), key=lambda one: one.budget_id):
            amount = in_unit(budget, worst[tenant_id].cost_usd, worst[tenant_id].tokens)
            if amount is None or not await _drawn(connection, budgets, batch_id, budget, amount):
                over.add(tenant_id)
                await _undraw(connection, batch_id, drawn)
                break
            drawn.append((budget, amount))
    return over


async def _drawn(connection: Connection, budgets: Budgets, batch_id: UUID, budget: Budget, amount: Decimal) -> bool:
    span = span_at(budget.period, ZoneInfo(budget.timezone), budgets.now())
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
    return position is not None and position.drawn >= amount


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
    """Book what results took, by tenant; what is not known counts as nothing until the batch is closed."""
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
    """Give back what a batch did not take."""
    owner = batch_owner(batch_id)
    ended = [(one.budget_id, one.starts_at) for one in await slices_of(connection, owner)]
    await close_slices(connection, owner, ended)
