"""Budgets between processes: never overdrawn, used to the end, and nobody's money lost with a process."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import cast

import pytest

from consumer.llm.chat import Message
from consumer.llm.cost import worst_case
from consumer.llm.writer import Writer
from consumer.pipeline.budgets.reserving import OverBudget
from repository.budget_calls import Charge, FoundCall, LostCall, book_found_calls, book_lost_calls, settle
from repository.llm_models import LlmModel
from repository.pool import Pool, connection
from repository.spending import Spending
from schemas.budget_period import BudgetPeriod
from tests.support.budgets import NOON, TENANT, Clock, Spender, booked, set_budget, still_drawn
from tests.support.examples import claimed_request

MESSAGES = (Message("system", "규칙 " * 200), Message("user", "가을 니트 " * 60))
MAX_TOKENS = 1_000


class PricedWriter:
    """A model that is not called."""

    def __init__(self, model: LlmModel) -> None:
        self.model = model
        self.max_tokens = MAX_TOKENS


@pytest.fixture
def writer(model: LlmModel) -> Writer:
    return cast("Writer", PricedWriter(model))


@pytest.fixture
def worst(model: LlmModel) -> Decimal:
    usd = worst_case(MESSAGES, MAX_TOKENS, model).cost_usd
    assert usd is not None
    return usd


def cost_of(usd: Decimal, tokens: int = 300) -> Spending:
    return Spending(tokens, 0, 0, usd)


async def spend(spender: Spender, writer: Writer, cost: Decimal, number: int = 1) -> None:
    """Make a call and end its request."""
    request = claimed_request(tenant_id=TENANT)
    reservation = await spender.budgets.reserve(request, MESSAGES, writer, limit_factor=1, call_number=number)
    await asyncio.sleep(0)
    await end(spender, reservation.end(cost_of(cost)))


async def end(spender: Spender, charges: Sequence[Charge]) -> None:
    async with connection(spender.pool) as borrowed, borrowed.transaction():
        await settle(borrowed, spender.budgets.owner, charges)
    spender.budgets.booked(charges)


async def spend_until_held(spender: Spender, writer: Writer, worst: Decimal, ledger: list[Decimal]) -> None:
    """Make calls of random cost until the budget is spent, some of them of a cost that nobody is told."""
    while True:
        cost = worst * Decimal(random.randint(5, 100)) / 100
        try:
            await spend(spender, writer, cost)
        except OverBudget as over:
            if over.until is not None:
                return
            await spender.keeper.run_once()
            await asyncio.sleep(0.05)
        else:
            ledger.append(cost)


async def test_eight_processes_use_a_budget_to_97_percent_and_never_overdraw_it(
    pool: Pool, writer: Writer, worst: Decimal
) -> None:
    await set_budget(pool, usd="0.2")
    ledger: list[Decimal] = []
    spenders = [Spender(pool, f"process-{number}") for number in range(8)]
    await asyncio.gather(*(spender.keeper.run_once() for spender in spenders))
    await asyncio.gather(*(spend_until_held(spender, writer, worst, ledger) for spender in spenders for _ in range(4)))
    assert Decimal("0.97") * Decimal("0.2") <= sum(ledger) <= Decimal("0.2")
    assert await booked(pool) == sum(ledger)
    await asyncio.gather(*(spender.keeper.close() for spender in spenders))
    assert await still_drawn(pool) == 0
    assert await booked(pool) == sum(ledger)


async def test_the_next_period_has_money_again_and_a_call_belongs_to_the_one_it_began_in(
    pool: Pool, writer: Writer, worst: Decimal
) -> None:
    await set_budget(pool, usd=f"{worst:f}")
    clock = Clock()
    spender = Spender(pool, clock=clock)
    await spender.keeper.run_once()
    before_midnight = await spender.budgets.reserve(
        claimed_request(tenant_id=TENANT), MESSAGES, writer, limit_factor=1, call_number=1
    )
    with pytest.raises(OverBudget) as over:
        await spend(spender, writer, worst)
    assert over.value.until is None  # all is reserved, nothing is spent
    clock.now += timedelta(hours=12)
    await spend(spender, writer, worst / 2)
    await end(spender, before_midnight.end(cost_of(worst)))
    await spender.keeper.run_once()
    spent = await pool.fetch("SELECT spent FROM budget_spending ORDER BY starts_at")
    [in_hand] = await pool.fetch("SELECT spent FROM budget_slices")
    assert [row["spent"] for row in spent] == [worst, 0]
    assert in_hand["spent"] == worst / 2
    clock.now -= timedelta(hours=12)
    another = Spender(pool, "process-2", clock=clock)
    await another.keeper.run_once()
    with pytest.raises(OverBudget) as over:
        await spend(another, writer, worst)
    assert over.value.until == NOON + timedelta(hours=12)


async def test_every_budget_that_a_call_counts_for_holds_it(pool: Pool, writer: Writer, worst: Decimal) -> None:
    await set_budget(pool, usd="100")
    await set_budget(pool, usd="100", period=BudgetPeriod.MONTH)
    await set_budget(pool, tenant_id=None, tokens=10)
    spender = Spender(pool)
    await spender.keeper.run_once()
    with pytest.raises(OverBudget, match="10 tokens a day"):
        await spend(spender, writer, worst)
    assert all(in_hand.reserved == 0 for in_hand in spender.budgets.slices.values())


async def test_a_model_without_a_price_is_held_under_a_budget_in_usd(pool: Pool, model: LlmModel) -> None:
    await set_budget(pool, usd="100")
    spender = Spender(pool)
    await spender.keeper.run_once()
    unpriced = cast("Writer", PricedWriter(replace(model, completion_token_cost_per_1m=None)))
    with pytest.raises(OverBudget, match="has no price") as over:
        await spend(spender, unpriced, Decimal(0))
    assert over.value.until is not None


async def test_of_a_lost_process_its_calls_are_booked_at_their_worst_and_the_rest_comes_back(
    pool: Pool, writer: Writer, worst: Decimal
) -> None:
    await set_budget(pool, usd="1")
    lost, living = Spender(pool, "lost"), Spender(pool, "living")
    await lost.keeper.run_once()
    await spend(lost, writer, worst / 4)
    cut_off = claimed_request(tenant_id=TENANT, fencing_token=1, llm_calls=0)
    await lost.budgets.reserve(cut_off, MESSAGES, writer, limit_factor=1, call_number=1)
    repaired = claimed_request(tenant_id=TENANT, fencing_token=1)
    first = await lost.budgets.reserve(repaired, MESSAGES, writer, limit_factor=1, call_number=1)
    first.end(cost_of(worst / 10))
    await lost.budgets.reserve(repaired, MESSAGES, writer, limit_factor=2, call_number=2, is_further=True)
    [budget] = lost.budgets.of(TENANT)
    calls = [
        LostCall(
            overlay_id=request.overlay_id,
            revision=1,
            fencing_token=1,
            call_number=1,
            owner="lost",
            budget_id=budget.budget_id,
            amount=worst,
        )
        for request in (cut_off, repaired)
    ]
    async with connection(pool) as borrowed:
        await book_lost_calls(borrowed, calls)
    further = await pool.fetchval("SELECT amount FROM budget_unsettled_calls WHERE call_number = 2")
    await pool.execute("UPDATE budget_slices SET expires_at = now() - interval '1 second' WHERE owner = 'lost'")
    await living.keeper.run_once()
    assert await still_drawn(pool) == 0
    assert await booked(pool) == worst / 4 + 2 * worst + further
    # its completion is found after all
    async with connection(pool) as borrowed:
        found = FoundCall(overlay_id=cut_off.overlay_id, revision=1, cost_usd=worst / 5, tokens=10)
        await book_found_calls(borrowed, [found])
    assert await booked(pool) == worst / 4 + worst / 5 + worst + further
    # the process was not lost, only frozen: its result comes late, and says what both calls cost
    late = [
        Charge(
            overlay_id=repaired.overlay_id,
            revision=1,
            fencing_token=1,
            call_number=number,
            budget_id=budget.budget_id,
            starts_at=next(iter(lost.budgets.slices))[1],
            amount=worst / 10,
        )
        for number in (1, 2)
    ]
    await end(lost, late)
    assert await booked(pool) == worst / 4 + worst / 5 + 2 * (worst / 10)


async def test_of_a_lost_process_no_more_is_booked_than_it_had_in_hand(
    pool: Pool, writer: Writer, worst: Decimal
) -> None:
    await set_budget(pool, usd=f"{worst * 3:f}")
    lost = Spender(pool, "lost")
    await lost.keeper.run_once()
    requests = [claimed_request(tenant_id=TENANT, fencing_token=1) for _ in range(5)]
    for request in requests[:2]:
        await lost.budgets.reserve(request, MESSAGES, writer, limit_factor=1, call_number=1)
    [budget] = lost.budgets.of(TENANT)
    calls = [
        LostCall(
            overlay_id=request.overlay_id,
            revision=1,
            fencing_token=1,
            call_number=1,
            owner="lost",
            budget_id=budget.budget_id,
            amount=worst,
        )
        for request in requests
    ]
    async with connection(pool) as borrowed:
        await book_lost_calls(borrowed, calls)
    assert 2 * worst <= await booked(pool) == await still_drawn(pool) <= 3 * worst
