"""A process killed at each step of a batch: another one goes on, nothing is paid twice, nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from consumer.llm.batches.port import BatchProvider
from devstack.simulated_llm.control import SimulatedLlmControl
from repository.operations.group_requests import adopt
from repository.pool import connection
from tests.support.application import Application, application
from tests.support.batches import (
    QUICK,
    batch_cost_usd,
    batches,
    booked_cost_usd,
    enter,
    files_left,
    provider_cost_usd,
    states_of,
    until_ended,
)
from tests.support.waiting import eventually

Call = Callable[..., Any]
SHORT_LEASE = {**QUICK, "LEASE_S": "0.5"}


class Killed(BaseException):
    """The process is gone: nothing of it catches this, as nothing catches SIGKILL."""


@dataclass
class Killing:
    """A provider that kills its process once: before a call of a method is made, or after it was."""

    provider: BatchProvider
    method: str
    before: bool
    has_killed: bool = field(default=False)

    def __getattr__(self, name: str) -> Call:
        call: Call = getattr(self.provider, name)
        if name != self.method or self.has_killed:
            return call
        self.has_killed = True
        return self._killing_read(call) if name == "read" else self._killing(call)

    def _killing(self, call: Call) -> Call:
        async def killed(*arguments: object) -> None:
            if not self.before:
                await call(*arguments)
            raise Killed

        return killed

    def _killing_read(self, call: Call) -> Call:
        async def killed(*arguments: object) -> AsyncIterator[bytes]:
            async for chunk in call(*arguments):
                if self.before:
                    raise Killed
                yield chunk
            raise Killed

        return killed


@asynccontextmanager
async def killed_at(env: Mapping[str, str], method: str, *, before: bool) -> AsyncIterator[Application]:
    """An application whose loop of batches is killed there."""
    async with application(env, **SHORT_LEASE) as running:
        providers: Any = running.resources.batch_providers
        providers["openai"] = Killing(providers["openai"], method, before)
        yield running


POINTS = [
    (method, before)
    for method in ("upload", "create", "retrieve", "size", "read", "delete_file")
    for before in (True, False)
]


@pytest.mark.parametrize(("method", "before"), POINTS, ids=str)
async def test_another_process_goes_on_where_one_was_killed(
    feed_env: Mapping[str, str], llm: SimulatedLlmControl, method: str, *, before: bool
) -> None:
    await llm.set_faults({"kind": "server_error_500", "rate": 0.2, "attempts": [1]})
    async with killed_at(feed_env, method, before=before) as first:
        overlay_ids = await enter(first.resources.pool, 30, group_id=feed_env["KAFKA_GROUP_ID"])
        with pytest.raises(Killed):
            await until_ended(first.app.batches, first.resources.pool, overlay_ids)
    async with application(feed_env, **SHORT_LEASE) as second:
        pool = second.resources.pool
        await until_ended(second.app.batches, pool, overlay_ids)
        assert await states_of(pool, overlay_ids) == {"done": 30}
        billed = await provider_cost_usd(llm)
        assert (await booked_cost_usd(pool), await batch_cost_usd(pool)) == (billed, billed)
        assert (await llm.ledger_summary()).billed_calls == 30
        assert await files_left(llm) == []


async def test_of_four_processes_at_once_each_batch_is_collected_by_one(
    feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_batch_pace(in_progress_s=0.3)
    settings = {**QUICK, "BATCH_MAX_REQUESTS": "10"}
    async with (
        application(feed_env, **settings) as one,
        application(feed_env, **settings) as two,
        application(feed_env, **settings) as three,
        application(feed_env, **settings) as four,
    ):
        pool = one.resources.pool
        overlay_ids = await enter(pool, 40, group_id=feed_env["KAFKA_GROUP_ID"])
        await asyncio.gather(
            *(until_ended(running.app.batches, pool, overlay_ids) for running in (one, two, three, four))
        )
        assert await states_of(pool, overlay_ids) == {"done": 40}
        for _ in range(50):
            await asyncio.gather(*(running.app.batches.run_once() for running in (one, two, three, four)))
        billed = await provider_cost_usd(llm)
        assert (await booked_cost_usd(pool), await batch_cost_usd(pool)) == (billed, billed)
        assert [batch["state"] for batch in await batches(pool)] == ["collected"] * 4


async def test_a_group_that_adopts_anothers_requests_goes_on_with_its_batches(
    feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    async with application(feed_env, **QUICK) as former:
        pool = former.resources.pool
        overlay_ids = await enter(pool, 3, group_id=feed_env["KAFKA_GROUP_ID"])

        async def created() -> bool:
            await former.app.batches.run_once()
            return [batch["state"] for batch in await batches(pool)] == ["created"]

        await eventually(created)
    async with application(feed_env, **QUICK, KAFKA_GROUP_ID="successor") as successor:
        pool = successor.resources.pool
        async with connection(pool) as borrowed:
            assert await adopt(borrowed, from_group=feed_env["KAFKA_GROUP_ID"], to_group="successor") == 3
        await until_ended(successor.app.batches, pool, overlay_ids)
        assert await states_of(pool, overlay_ids) == {"done": 3}
        assert await files_left(llm) == []
