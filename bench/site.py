"""What one run of a program gets: a database, topics, an LLM account and a consumer group of its own."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from bench.databases import fresh_database
from bench.servers import Servers
from bench.topics import existing_topics
from devstack.endpoints import LLM_MODEL, SIMULATED_API_KEY
from devstack.simulated_llm.control import SimulatedLlmControl

PASSED_ON = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")


def constant(seconds: float) -> str:
    """Return the simulated LLM's latency when every call takes the same time."""
    return f"constant:{seconds:g}"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a program works. `environment` is all that it is told."""

    servers: Servers
    database_url: str
    incoming_topic: str
    created_topic: str
    llm: SimulatedLlmControl
    environment: dict[str, str]

    @property
    def bootstrap_servers(self) -> str:
        """Where the broker is."""
        return self.servers.kafka.address


@asynccontextmanager
async def fresh_site(
    servers: Servers,
    *,
    template: str,
    incoming_topic: str,
    llm_latency: str,
    max_in_flight: int,
    database: str | None = None,
) -> AsyncIterator[Site]:
    """Prepare a site and clear it away after the block.

    `llm_latency` is spelled as the simulated LLM's option is. `template` is the database to copy, `database` the
    URL of one to use as it is instead.
    """
    run = uuid4().hex[:12]
    outgoing = [f"{role}.{run}" for role in ("created", "failed", "dead-letter")]
    llm = SimulatedLlmControl(servers.llm.root_url, account=f"bench-{run}")
    await llm.set_latency(llm_latency)
    async with (
        existing_topics(servers.kafka.address, outgoing, partitions=12),
        _database(servers, template, database) as url,
    ):
        environment = {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            "KAFKA_BOOTSTRAP_SERVERS": servers.kafka.address,
            "KAFKA_GROUP_ID": f"bench-{run}",
            "OVERLAY_COMPLETED_TOPIC": incoming_topic,
            "FEED_CREATED_TOPIC": outgoing[0],
            "FEED_FAILED_TOPIC": outgoing[1],
            "DEAD_LETTER_TOPIC": outgoing[2],
            "DATABASE_URL": url,
            "OPENAI_BASE_URL": llm.base_url,
            "OPENAI_API_KEY": SIMULATED_API_KEY,
            "LLM_MODEL": LLM_MODEL,
            "MAX_IN_FLIGHT": str(max_in_flight),
            "OPS_PORT": "0",
        }
        yield Site(servers, url, incoming_topic, outgoing[0], llm, environment)
        await llm.clear_ledger()


@asynccontextmanager
async def _database(servers: Servers, template: str, database: str | None) -> AsyncIterator[str]:
    if database:
        yield database
        return
    async with fresh_database(servers.postgres.address, template=template) as url:
        yield url
