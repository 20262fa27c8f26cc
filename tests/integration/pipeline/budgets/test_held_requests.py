"""What is over a budget is held, and goes on at the turn or on a raise: the whole consumer, with the real client."""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import pytest

from devstack.simulated_llm.control import SimulatedLlmControl
from repository.pool import Pool, connection, open_pool
from repository.requests import ClaimedRequest
from tests.support.application import Application, application
from tests.support.budgets import TENANT, booked, held, open_today, set_budget, still_drawn
from tests.support.examples import new_request, source_record
from tests.support.kafka_records import encoded, overlay_event
from tests.support.ledger import EXPIRED_S, claim, ledger_row, states, until_take_overs
from tests.support.waiting import eventually

QUICK = {"LEASE_S": "2", "MAX_IN_FLIGHT": "4"}


@pytest.fixture
async def pool(feed_env: Mapping[str, str], llm: SimulatedLlmControl) -> AsyncIterator[Pool]:
    """Connections to the database of the test's application."""
    await llm.set_latency("constant:0.02")
    pool = await open_pool(feed_env["DATABASE_URL"], size=2, application_name="tests")
    yield pool
    await pool.close()


async def requests(pool: Pool, count: int) -> list[ClaimedRequest]:
    """Requests that wait, from nobody in particular."""
    events = [overlay_event(tenant_id=TENANT) for _ in range(count)]
    new = [
        new_request(UUID(str(event["overlay_id"])), tenant_id=TENANT, source=source_record(encoded(event)))
        for event in events
    ]
    # one after the other: each has an age of its own
    claimed = [one for request in new for one in await claim(pool, [request], lease_s=EXPIRED_S)]
    await pool.execute("UPDATE feed_requests SET state = 'waiting', lease_owner = NULL")
    return claimed


async def round_of(consumer: Application) -> None:
    """Go one round of the budgets' keeper and the sweeper, and let all end."""
    await consumer.app.budget_keeper.run_once()
    await consumer.app.sweeper.run_once()
    await consumer.finish()


async def test_what_a_budget_has_no_money_for_is_held_and_a_raise_releases_the_oldest_first(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    waiting = await requests(pool, 4)
    await set_budget(pool, usd="0")
    async with application(feed_env, **QUICK) as consumer:
        await round_of(consumer)
        assert set(await held(pool)) == {request.overlay_id for request in waiting}
        assert (await llm.ledger()).calls == []
        row = await ledger_row(pool, waiting[0].overlay_id)
        assert row["last_error_reason"] == "budget_spent"
        assert "0 USD a day, is spent" in row["last_error_detail"]
        assert row["available_at"] == await pool.fetchval("SELECT ends_at FROM budget_spending")
        oldest_first = await held(pool)

        assert await set_budget(pool, usd="5.00") == 4
        due = await pool.fetch("SELECT overlay_id FROM feed_requests WHERE state = 'waiting' ORDER BY available_at")
        assert [row["overlay_id"] for row in due] == oldest_first
        await round_of(consumer)
        assert set((await states(pool)).values()) == {"done"}
        assert await booked(pool) == await pool.fetchval("SELECT sum(cost_usd) FROM feed_requests")
        await consumer.app.budget_keeper.close()
    assert await still_drawn(pool) == 0


async def test_when_less_is_spent_after_all_the_oldest_of_what_is_held_go_on_as_far_as_they_fit(
    feed_env: Mapping[str, str], pool: Pool
) -> None:
    await requests(pool, 3)
    await set_budget(pool, usd="1.00")
    await open_today(pool, spent="1.00")
    async with application(feed_env, **QUICK) as consumer:
        await round_of(consumer)
        oldest_first = await held(pool)
        assert len(oldest_first) == 3
        assert await consumer.app.budget_keeper.run_once() == 0
        needed = await pool.fetchval("SELECT max(held_amount) FROM feed_requests")
        await pool.execute("UPDATE budget_spending SET spent = spent - $1", 2 * needed)
        assert await consumer.app.budget_keeper.run_once() == 2
        assert await held(pool) == oldest_first[2:]


async def test_at_the_turn_what_was_held_is_tried_again(feed_env: Mapping[str, str], pool: Pool) -> None:
    await requests(pool, 2)
    await set_budget(pool, tokens=10)
    async with application(feed_env, **QUICK) as consumer:
        await round_of(consumer)
        assert len(await held(pool)) == 2
        await consumer.app.sweeper.run_once()
        assert consumer.app.in_flight.used == 0  # it does not take what is held
        await pool.execute("UPDATE feed_requests SET available_at = now()")
        assert await consumer.app.budget_keeper.run_once() == 2
        assert set((await states(pool)).values()) == {"waiting"}


async def test_a_call_of_a_lost_process_is_booked_when_its_request_is_taken_over(
    feed_env: Mapping[str, str], pool: Pool
) -> None:
    await until_take_overs(pool, lease_s=2)
    [lost] = await requests(pool, 1)
    await pool.execute(
        "UPDATE feed_requests SET state = 'claimed', lease_owner = 'lost', available_at = now() - interval '1 second'"
    )
    await set_budget(pool, usd="5.00")
    async with application(feed_env, **QUICK) as consumer:
        await consumer.app.budget_keeper.run_once()
        await pool.execute(
            """
            WITH period AS (
                INSERT INTO budget_spending (budget_id, starts_at, ends_at, drawn)
                SELECT budget_id, now() - interval '1 hour', now() + interval '1 hour', 1 FROM budgets
                RETURNING budget_id, starts_at)
            INSERT INTO budget_slices (owner, budget_id, starts_at, drawn, expires_at)
            SELECT 'lost', budget_id, starts_at, 1, now() - interval '1 second' FROM period
            """
        )
        await consumer.app.budget_keeper.run_once()
        assert await pool.fetchval("SELECT count(*) FROM budget_slices WHERE owner = 'lost'") == 1
        assert await consumer.app.sweeper.run_once() == 1
        worst = await pool.fetchval("SELECT amount FROM budget_unsettled_calls WHERE overlay_id = $1", lost.overlay_id)
        assert await pool.fetchval("SELECT spent FROM budget_slices WHERE owner = 'lost'") == worst > 0
        await consumer.finish()
        await consumer.app.budget_keeper.run_once()
        cost = await pool.fetchval("SELECT cost_usd FROM feed_requests")
        assert await booked(pool) == worst + cost
        assert await pool.fetchval("SELECT count(*) FROM budget_slices WHERE owner = 'lost'") == 0


async def test_running_consumers_hear_of_a_new_budget_and_of_one_that_is_gone(
    feed_env: Mapping[str, str], pool: Pool
) -> None:
    await requests(pool, 1)
    async with application(feed_env, **QUICK) as consumer:
        await set_budget(pool, tenant_id=None, usd="0")
        await round_of(consumer)
        assert len(await held(pool)) == 1
        assert await set_budget(pool, tenant_id=None) == 1

        async def is_done() -> bool:
            await round_of(consumer)
            return set((await states(pool)).values()) == {"done"}

        await eventually(is_done, deadline_s=5)
    async with connection(pool) as borrowed:
        assert await borrowed.fetchval("SELECT count(*) FROM budgets") == 0


async def test_what_was_spent_before_a_budget_was_set_counts(feed_env: Mapping[str, str], pool: Pool) -> None:
    await requests(pool, 2)
    async with application(feed_env, **QUICK) as consumer:
        await round_of(consumer)
        await set_budget(pool, usd="5.00")
        await requests(pool, 1)
        await round_of(consumer)
        assert await booked(pool) == await pool.fetchval("SELECT sum(cost_usd) FROM feed_requests")


async def test_a_few_are_written_each_day_until_all_are(feed_env: Mapping[str, str], pool: Pool) -> None:
    await requests(pool, 6)
    await set_budget(pool, usd="0.0016")
    left = [6, await written_in_a_day(feed_env, pool)]
    while left[-1]:
        await a_day_passes(pool)
        left.append(await written_in_a_day(feed_env, pool))
    assert len(left) > 2
    assert all(before > after for before, after in pairwise(left))
    assert set((await states(pool)).values()) == {"done"}
    spent = await pool.fetch("SELECT spent FROM budget_spending")
    assert len(spent) == len(left) - 1
    assert all(row["spent"] <= Decimal("0.0016") for row in spent)


async def written_in_a_day(feed_env: Mapping[str, str], pool: Pool) -> int:
    """Write until nothing goes on; gives how many are held then."""
    async with application(feed_env, **QUICK) as consumer:

        async def nothing_goes_on() -> bool:
            await round_of(consumer)
            return set((await states(pool)).values()) <= {"done", "held"}

        await eventually(nothing_goes_on, deadline_s=20)
        await consumer.app.budget_keeper.close()
    return len(await held(pool))


async def a_day_passes(pool: Pool) -> None:
    """What was today is yesterday."""
    await pool.execute("UPDATE feed_requests SET available_at = now() WHERE state = 'held'")
    await pool.execute(
        "UPDATE budget_spending SET starts_at = starts_at - interval '1 day', ends_at = ends_at - interval '1 day'"
    )
