"""Requests by batch, with the loop of batches driven by hand; and what the provider's ledger says they cost."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from consumer.pipeline.batches.runner import BatchRunner
from devstack.simulated_llm.control import SimulatedLlmControl
from repository.batch_requests import enter_batched
from repository.pool import Pool, connection
from repository.requests import NewRequest
from tests.support.examples import overlay_completed, source_record
from tests.support.kafka_records import encoded
from tests.support.waiting import eventually

QUICK: Mapping[str, str] = {
    "BATCH_MAX_WAIT_S": "0.01",
    "BATCH_POLL_S": "0.05",
    "BATCH_CONFIRM_S": "0.5",
    "MAX_ATTEMPTS": "3",
}
DEADLINE_S = 60.0
PROMPT_USD, CACHED_USD, COMPLETION_USD = Decimal("0.15"), Decimal("0.075"), Decimal("0.60")


def batch_request(tenant_id: str = "store-apparel-1") -> NewRequest:
    """A request of a new overlay, as an event brings it."""
    event = overlay_completed(tenant_id=tenant_id)
    record = source_record(encoded(event.model_dump(mode="json", exclude={"delivery"})))
    return NewRequest.first(event, record)


async def enter(pool: Pool, count: int, *, group_id: str) -> list[UUID]:
    """Enter so many requests to be written by batch; gives their overlays."""
    requests = [batch_request() for _ in range(count)]
    async with connection(pool) as borrowed:
        await enter_batched(borrowed, requests, group_id=group_id)
    return [request.overlay_id for request in requests]


async def states_of(pool: Pool, overlay_ids: Sequence[UUID]) -> dict[str, int]:
    """How many of these overlays' requests are in each state."""
    rows = await pool.fetch(
        "SELECT state, count(*) FROM feed_requests WHERE overlay_id = ANY($1::uuid[]) GROUP BY 1", overlay_ids
    )
    return {row["state"]: row["count"] for row in rows}


async def until_ended(runner: BatchRunner, pool: Pool, overlay_ids: Sequence[UUID]) -> None:
    """Drive the loop until all of these requests are done or failed and nothing is left to do for any batch."""

    async def all_ended() -> bool:
        await runner.run_once()
        left = await pool.fetchval("SELECT count(*) FROM llm_batches WHERE available_at IS NOT NULL")
        states = await states_of(pool, overlay_ids)
        assert not states.keys() - {"done", "failed"}, states
        return not left

    await eventually(all_ended, DEADLINE_S)


async def batches(pool: Pool) -> list[dict[str, Any]]:
    """All batches, oldest first."""
    return [dict(row) for row in await pool.fetch("SELECT * FROM llm_batches ORDER BY intended_at, batch_id")]


async def provider_cost_usd(llm: SimulatedLlmControl) -> Decimal:
    """What the provider's ledger adds up to, of calls to gpt-4o-mini."""
    total = Decimal(0)
    for call in (await llm.ledger()).calls:
        if call.billed:
            uncached = call.prompt_tokens - call.cached_prompt_tokens
            price = uncached * PROMPT_USD + call.cached_prompt_tokens * CACHED_USD
            total += (price + call.completion_tokens * COMPLETION_USD) * Decimal(str(call.price_factor))
    return total / 1_000_000


async def booked_cost_usd(pool: Pool) -> Decimal:
    """What the ledger says all requests took."""
    return Decimal(await pool.fetchval("SELECT coalesce(sum(cost_usd), 0) FROM feed_requests"))


async def batch_cost_usd(pool: Pool) -> Decimal:
    """What the batches say that they cost."""
    return Decimal(await pool.fetchval("SELECT coalesce(sum(cost_usd), 0) FROM llm_batches"))


async def files_left(llm: SimulatedLlmControl) -> list[str]:
    """The names of the files at the provider."""
    from openai import AsyncOpenAI  # noqa: PLC0415 - only here is it needed

    async with AsyncOpenAI(base_url=llm.base_url, api_key="sk-test", max_retries=0) as client:
        return [file.filename async for file in client.files.list()]
