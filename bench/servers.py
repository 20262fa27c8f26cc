"""The servers that all programs are measured on: a real broker, a real database, the simulated LLM."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.os_figures import cpu_s
from devstack.kafka import KafkaServer
from devstack.kafka_artifacts import ensure_jars
from devstack.llm import SimulatedLlmServer
from devstack.ports import free_port
from devstack.postgres import PostgresServer
from devstack.report import Report

# As a production server has them: what a commit costs must not be left out.
POSTGRES_SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "15min",
    # its share depends on when it happens to run: a table of millions is vacuumed once in a hundred thousand events
    "autovacuum": "off",
}
BUFFERS_PART = 4  # of the machine's memory, as PostgreSQL's manual recommends


@dataclass(frozen=True, slots=True)
class Servers:
    """The three servers while they run."""

    kafka: KafkaServer
    postgres: PostgresServer
    llm: SimulatedLlmServer

    def postgres_cpu_s(self) -> float:
        """Return the CPU time of the database with all its sessions, those that have ended included."""
        return cpu_s(self.postgres.pid) if self.postgres.pid else 0.0


@asynccontextmanager
async def running_servers(folder: Path, *, report: Report) -> AsyncIterator[Servers]:
    """Start all three with their data in `folder`; they end with the block.

    Raises:
        StackError: one of them cannot be started; says why.
    """
    jars = ensure_jars(report)
    servers = Servers(
        KafkaServer(folder / "kafka", free_port(), jars=jars),
        PostgresServer(folder / "postgres", free_port(), settings=POSTGRES_SETTINGS | _buffers()),
        SimulatedLlmServer(folder / "llm", free_port()),
    )
    async with AsyncExitStack() as stack:
        for server in (servers.kafka, servers.postgres, servers.llm):
            report(f"starting {server.name}")
            stack.push_async_callback(server.stop)
            await server.start()
        yield servers


def _buffers() -> dict[str, str]:
    return {"shared_buffers": f"{psutil.virtual_memory().total // BUFFERS_PART // 2**20}MB"}
