"""A batch reserves at its intent what its lines may cost, settles as results come, and gives the rest back."""

from collections.abc import Mapping
from decimal import Decimal

from devstack.simulated_llm.control import SimulatedLlmControl
from repository.batch_requests import enter_batched
from repository.pool import connection
from tests.support.application import application
from tests.support.batches import QUICK, batch_request, provider_cost_usd, states_of, until_ended
from tests.support.budgets import TENANT, booked, open_today, set_budget, still_drawn
from tests.support.waiting import eventually

REQUESTS = 12
AS_ONE_BATCH: Mapping[str, str] = {**QUICK, "BATCH_MAX_WAIT_S": "60", "BATCH_MAX_REQUESTS": f"{REQUESTS}"}
HELD = """
    SELECT DISTINCT held_for_batch, last_error_reason, attempts, available_at = (SELECT ends_at FROM budget_spending)
    FROM feed_requests WHERE state = 'held'
"""
DUE_LONG_AGO = (
    "UPDATE feed_requests SET available_at = now() - interval '1 hour' WHERE state = 'batched' AND batch_id IS NULL"
)


async def test_a_batch_takes_what_its_tenants_budget_has_and_the_others_wait(
    feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    async with application(feed_env, **AS_ONE_BATCH) as running:
        pool, runner = running.resources.pool, running.app.batches
        await set_budget(pool, usd="0.006")
        await running.app.budget_keeper.run_once()
        requests = [batch_request(TENANT) for _ in range(REQUESTS)]
        async with connection(pool) as borrowed:
            await enter_batched(borrowed, requests, group_id=feed_env["KAFKA_GROUP_ID"])

        async def some_collected() -> bool:
            await runner.run_once()
            return bool(await pool.fetchval("SELECT count(*) FROM llm_batches WHERE available_at IS NULL"))

        await eventually(some_collected, 30)
        states = await states_of(pool, [request.overlay_id for request in requests])
        assert 0 < states["done"] < REQUESTS
        assert states["done"] + states["batched"] == REQUESTS
        waiting = await pool.fetch("SELECT last_error_reason, attempts FROM feed_requests WHERE state = 'batched'")
        assert {tuple(row) for row in waiting} == {("budget_spent", 0)}
        assert await booked(pool) == await provider_cost_usd(llm)
        assert await still_drawn(pool) == Decimal(0)
        await set_budget(pool, usd="5.00")
        await running.app.budget_keeper.run_once()
        await pool.execute(DUE_LONG_AGO)
        await until_ended(runner, pool, [request.overlay_id for request in requests])
        assert await booked(pool) == await provider_cost_usd(llm)
        assert await still_drawn(pool) == Decimal(0)


async def test_what_is_to_go_by_batch_is_held_where_the_budget_is_spent_and_goes_by_batch_when_it_is_raised(
    feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    async with application(feed_env, **QUICK) as running:
        pool, runner, keeper = running.resources.pool, running.app.batches, running.app.budget_keeper
        await set_budget(pool, usd="0")
        await keeper.run_once()
        requests = [batch_request(TENANT) for _ in range(3)]
        overlay_ids = [request.overlay_id for request in requests]
        async with connection(pool) as borrowed:
            await enter_batched(borrowed, requests, group_id=feed_env["KAFKA_GROUP_ID"])

        async def all_held() -> bool:
            await runner.run_once()
            await keeper.run_once()
            return await states_of(pool, overlay_ids) == {"held": 3}

        await eventually(all_held, 20)
        assert [tuple(row) for row in await pool.fetch(HELD)] == [(True, "budget_spent", 0, True)]
        assert await set_budget(pool, usd="5.00") == 3
        await keeper.run_once()
        assert await states_of(pool, overlay_ids) == {"batched": 3}
        await until_ended(runner, pool, overlay_ids)
        assert await states_of(pool, overlay_ids) == {"done": 3}
        assert {call.service for call in (await llm.ledger()).calls} == {"batch"}
        assert await booked(pool) == await provider_cost_usd(llm)


async def test_while_the_rest_of_a_budget_is_only_reserved_what_is_to_go_by_batch_waits_for_the_next(
    feed_env: Mapping[str, str],
) -> None:
    async with application(feed_env, **QUICK) as running:
        pool, runner, keeper = running.resources.pool, running.app.batches, running.app.budget_keeper
        await set_budget(pool, usd="5.00")
        await keeper.run_once()
        await open_today(pool, drawn="5.00")
        request = batch_request(TENANT)
        async with connection(pool) as borrowed:
            await enter_batched(borrowed, [request], group_id=feed_env["KAFKA_GROUP_ID"])

        async def is_put_off() -> bool:
            await runner.run_once()
            return bool(await pool.fetchval("SELECT last_error_reason = 'budget_spent' FROM feed_requests"))

        await eventually(is_put_off, 20)
        assert await states_of(pool, [request.overlay_id]) == {"batched": 1}
        await open_today(pool, drawn="0")

        async def is_done() -> bool:
            await runner.run_once()
            return await states_of(pool, [request.overlay_id]) == {"done": 1}

        await eventually(is_done, 20)
