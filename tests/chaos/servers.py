"""The servers of a chaos run: a broker, a Postgres and a simulated LLM of its own, in its own folder."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.topics import existing_topics
from devstack.kafka import KafkaServer
from devstack.kafka_artifacts import ensure_jars
from devstack.kafka_class_archive import ensure_class_archive
from devstack.llm import SimulatedLlmServer
from devstack.ports import free_port
from devstack.postgres import PostgresServer
from devstack.report import Report
from devstack.simulated_llm.control import SimulatedLlmControl
from repository import migrations
from tests.chaos import least_rights
from tests.support.topics import Topics, unique_topics

PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers that answer; the database is migrated, the topics are there."""

    kafka: KafkaServer
    postgres: PostgresServer
    llm_server: SimulatedLlmServer
    topics: Topics
    consumer_login: Mapping[str, str] = field(default_factory=dict)
    """What consumers log in to the broker with, where they have to."""

    @property
    def llm(self) -> SimulatedLlmControl:
        """What sets the LLM's faults and reads its ledger."""
        return SimulatedLlmControl(self.llm_server.root_url)


@asynccontextmanager
async def running_servers(
    folder: Path, *, latency: str, seed: int, report: Report, has_acls: bool = False
) -> AsyncIterator[Servers]:
    """Servers with their data in `folder`, for the time of a block; they die with this process.

    `has_acls`: consumers have to log in to the broker, which allows them what ACLs say.

    Raises:
        StackError: Java or a wheel is missing, or a server did not come up.
    """
    jars = ensure_jars(report)
    await ensure_class_archive(jars, report)
    options = ("--latency", latency, "--seed", str(seed))
    port, login_port, controller_port = free_port(), free_port(), free_port()
    settings = least_rights.broker_settings(port, login_port, controller_port) if has_acls else {}
    kafka = KafkaServer(folder / "kafka", port, jars=jars, controller_port=controller_port, settings=settings)
    postgres = PostgresServer(folder / "postgres", free_port())
    llm = SimulatedLlmServer(folder / "llm", free_port(), options=options)
    try:
        await asyncio.gather(kafka.start(), postgres.start(), llm.start())
        await migrations.upgrade(postgres.address)
        topics = unique_topics()
        async with existing_topics(kafka.address, topics, partitions=PARTITIONS):
            yield Servers(kafka, postgres, llm, topics, least_rights.login(login_port) if has_acls else {})
    finally:
        for server in (kafka, postgres, llm):
            server.kill()
