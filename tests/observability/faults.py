"""Four faults of the real servers, and the alert that each has to raise."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import asyncpg

from tests.chaos.servers import Servers
from tests.observability.traffic import Traffic

Fault = Callable[[Servers, Traffic], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def refused_key(servers: Servers, _: Traffic) -> AsyncIterator[None]:
    """The LLM answers 401."""
    await servers.llm.set_faults({"kind": "unauthorized"})
    yield
    await servers.llm.set_faults()


@asynccontextmanager
async def stopped_postgres(servers: Servers, _: Traffic) -> AsyncIterator[None]:
    """PostgreSQL is shut down, its port closed."""
    await servers.postgres.stop()
    yield
    await servers.postgres.start()


@asynccontextmanager
async def invalid_flood(_: Servers, traffic: Traffic) -> AsyncIterator[None]:
    """As many invalid events as nearly end the program."""
    traffic.invalid_at_once = 1
    yield
    traffic.invalid_at_once = 0


@asynccontextmanager
async def stalled_group(servers: Servers, _: Traffic) -> AsyncIterator[None]:
    """Somebody's transaction keeps the ledger from being written, while the process is alive and reads it."""
    connection = await asyncpg.connect(servers.postgres.address)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE feed_requests IN EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Case:
    """A fault and what it raises."""

    fault: Fault
    alert: str

    @property
    def name(self) -> str:
        """What is broken."""
        return (self.fault.__doc__ or "").splitlines()[0]


CASES = (
    Case(refused_key, "InstagramFeedBreakerOpen"),
    Case(stopped_postgres, "InstagramFeedStoreFailing"),
    Case(invalid_flood, "InstagramFeedInvalidEvents"),
    Case(stalled_group, "InstagramFeedNothingCompletes"),
)
