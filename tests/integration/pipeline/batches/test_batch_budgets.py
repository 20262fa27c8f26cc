"""A batch reserves at its intent what its lines may cost, settles as results come, and gives the rest back."""

from collections.abc import Mapping
from decimal import Decimal

from devstack.simulated_llm.control import SimulatedLlmControl
from repository.batch_requests import enter_batched
from repository.pool import connection
from tests.support.application import application
from tests.support.batches import QUICK, batch_request, provider_cost_usd, states_of, until_ended
from tests.support.budgets import TENANT, booked, set_budget, still_drawn
from tests.support.waiting import eventually

REQUESTS = 12
DUE_AT_ONCE = "UPDATE feed_requests SET available_at = now() WHERE state = 'batched' AND batch_id IS NULL"


async def test_a_batch_takes_what_its_tenants_budget_has_and_the_others_wait(
    feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    async with application(feed_env, **QUICK) as running:
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
        await pool.execute(DUE_AT_ONCE)
        await until_ended(runner, pool, [request.overlay_id for request in requests])
        assert await booked(pool) == await provider_cost_usd(llm)
        assert await still_drawn(pool) == Decimal(0)
