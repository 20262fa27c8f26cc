"""Requests in the background at the flex tier: half price while there is room; without, they wait."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from devstack.simulated_llm.control import SimulatedLlmControl
from repository.operations.replay_requests import enter_new
from repository.pool import connection
from tests.support.application import Application, application
from tests.support.batches import batch_request
from tests.support.waiting import eventually

REPLAY = UUID("5c1c3b6e-9a53-4d0c-8f6f-6f7f0f3f8a11")
HAS_FLEX = "UPDATE llm_models SET supports_flex = true WHERE model_name = 'gpt-6-luna'"
DUE_AT_ONCE = "UPDATE feed_requests SET available_at = now() WHERE state = 'waiting'"


async def write_in_background(running: Application, count: int) -> None:
    """Enter so many requests as a replay does, and have one sweep of them end."""
    async with connection(running.resources.pool) as borrowed:
        await enter_new(borrowed, [batch_request() for _ in range(count)], REPLAY)
    await sweep(running)


async def sweep(running: Application) -> None:
    """Take what is due, and let it end."""

    async def taken() -> bool:
        return bool(await running.app.sweeper.run_once())

    await eventually(taken)
    await running.finish()


async def test_the_tier_that_the_answer_names_decides_the_price(
    feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_faults({"kind": "flex_at_default_tier", "first": 1})
    async with application(feed_env, LLM_MODEL="gpt-6-luna") as running:
        pool = running.resources.pool
        await pool.execute(HAS_FLEX)
        await running.app.refresher.run_once()
        await write_in_background(running, 2)
        rows = await pool.fetch("SELECT delivery, cost_usd, prompt_tokens, completion_tokens FROM instagram_feeds")
        services = sorted(call.service for call in (await llm.ledger()).calls)
        assert (services, sorted(row["delivery"] for row in rows)) == (["default", "flex"], ["flex", "live"])
        by_tier = {row["delivery"]: row for row in rows}
        flex = by_tier["flex"]
        full = flex["prompt_tokens"] * Decimal("0.10") + flex["completion_tokens"] * Decimal("0.50")
        assert flex["cost_usd"] < full / 1_000_000 * Decimal("0.7")


async def test_without_room_a_request_waits_and_uses_up_no_attempt(
    feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_faults({"kind": "flex_unavailable", "first": 1})
    async with application(feed_env, LLM_MODEL="gpt-6-luna") as running:
        pool = running.resources.pool
        await pool.execute(HAS_FLEX)
        await running.app.refresher.run_once()
        await write_in_background(running, 1)
        row = await pool.fetchrow("SELECT state, attempts, available_at > now() AS waits FROM feed_requests")
        assert row is not None
        assert tuple(row) == ("waiting", 0, True)
        await pool.execute(DUE_AT_ONCE)
        await sweep(running)
        assert await pool.fetchval("SELECT delivery FROM instagram_feeds") == "flex"
