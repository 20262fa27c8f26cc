"""The servers of a chaos run: a Postgres and a simulated LLM of its own, and a broker, in its own folder."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.topics import existing_topics
from devstack.answers import kafka_problem
from devstack.external_server import ExternalServer
from devstack.kafka import KafkaServer
from devstack.kafka_artifacts import ensure_jars
from devstack.kafka_class_archive import ensure_class_archive
from devstack.llm import SimulatedLlmServer
from devstack.ports import free_port
from devstack.postgres import PostgresServer
from devstack.report import Report
from devstack.servers import Server
from devstack.simulated_llm.control import SimulatedLlmControl
from repository import migrations
from tests.chaos import least_rights
from tests.support.topics import Topics, unique_topics

PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers that answer; the database is migrated, the topics are there."""

    kafka: Server
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
    folder: Path, *, latency: str, seed: int, report: Report, has_acls: bool = False, broker: str | None = None
) -> AsyncIterator[Servers]:
    """Servers with their data in `folder`, for the time of a block; they die with this process.

    `has_acls`: consumers have to log in to the broker, which allows them what ACLs say.
    `broker`: the address of one that runs already, which spares starting one for a run that does not break it.

    Raises:
        StackError: Java or a wheel is missing, or a server did not come up.
    """
    login_port = free_port()
    if broker is None:
        kafka: Server = await _own_broker(folder, login_port, report, has_acls=has_acls)
    else:
        problem = partial(kafka_problem, broker)
        kafka = ExternalServer("kafka", broker, variable="KAFKA_BOOTSTRAP_SERVERS", problem=problem)
    options = ("--latency", latency, "--seed", str(seed))
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


async def _own_broker(folder: Path, login_port: int, report: Report, *, has_acls: bool) -> KafkaServer:
    jars = ensure_jars(report)
    await ensure_class_archive(jars, report)
    port, controller_port = free_port(), free_port()
    settings = least_rights.broker_settings(port, login_port, controller_port) if has_acls else {}
    return KafkaServer(folder / "kafka", port, jars=jars, controller_port=controller_port, settings=settings)
