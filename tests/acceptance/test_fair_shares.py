"""A tenant's few events beside another's flood, while processes are killed: nobody is starved, nothing paid twice."""

import signal
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import asyncpg

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.consumer_process import running_consumer
from tests.support.kafka_records import encoded, overlay_event, send
from tests.support.topics import Topics
from tests.support.waiting import eventually

FLOOD = 600
SMALL = 10
SETTINGS = {"MAX_IN_FLIGHT": "10", "LEASE_S": "5"}


async def finished_at(database_url: str) -> dict[str, list[datetime]]:
    """When the posts of each tenant were stored, in order."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("SELECT tenant_id, created_at FROM instagram_feeds ORDER BY created_at")
    finally:
        await connection.close()
    stored: dict[str, list[datetime]] = {}
    for row in rows:
        stored.setdefault(row["tenant_id"], []).append(row["created_at"])
    return stored


async def unfinished_at(database_url: str) -> set[str]:
    """The overlays that a process has claimed and not finished."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("SELECT overlay_id FROM feed_requests WHERE state = 'claimed'")
    finally:
        await connection.close()
    return {str(row["overlay_id"]) for row in rows}


async def test_a_small_tenant_is_not_starved_by_a_flood_and_a_killed_reader_leaves_it_to_the_next(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:0.1")
    flood = [encoded(overlay_event(tenant_id="flood")) for _ in range(FLOOD)]
    small = [encoded(overlay_event(tenant_id="small")) for _ in range(SMALL)]
    await send(stack.kafka_bootstrap_servers, topics.incoming, flood + small, partition=0)
    env = {**feed_env, **SETTINGS}

    async def some_of_the_flood() -> bool:
        return len((await finished_at(env["DATABASE_URL"])).get("flood", [])) >= 20

    async with running_consumer(env) as reader:
        await eventually(some_of_the_flood, 60)
        reader.signal(signal.SIGKILL)
        await reader.exit_code()
    unfinished = await unfinished_at(env["DATABASE_URL"])
    assert len(unfinished) <= 12  # ten calls, and a quarter more that wait to begin or to be stored

    async def all_of_the_small() -> bool:
        return len((await finished_at(env["DATABASE_URL"])).get("small", [])) == SMALL

    async def all_of_both() -> bool:
        return Counter(map(len, (await finished_at(env["DATABASE_URL"])).values())) == Counter([FLOOD, SMALL])

    async with running_consumer(env):
        await eventually(all_of_the_small, 60)
        stored = await finished_at(env["DATABASE_URL"])
        assert len(stored["flood"]) < FLOOD * 2 // 3
        await eventually(all_of_both, 120)

    calls = Counter(call.overlay_id for call in (await llm.ledger()).calls)
    assert len(calls) == FLOOD + SMALL
    assert {overlay_id for overlay_id, count in calls.items() if count > 1} <= unfinished
    assert max(calls.values()) <= 2
