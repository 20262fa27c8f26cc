"""The parts of a run, wired together: servers, proxies, consumers, upstream and observers."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from devstack.endpoints import LLM_MODEL, SIMULATED_API_KEY
from devstack.report import Report
from repository.operations.tenant_changes import TenantChanges, set_tenant
from repository.pool import connection
from tests.chaos import least_rights, llm_faults
from tests.chaos.budgets import PLENTY_USD
from tests.chaos.faults import Injectors
from tests.chaos.fleet import Consumer, kept_running
from tests.chaos.llm_faults import LLM_TIMEOUT_S, USUAL_LATENCY
from tests.chaos.observers import Reader, Rows
from tests.chaos.producer import Upstream
from tests.chaos.schedule import LEASE_S
from tests.chaos.servers import Servers, running_servers
from tests.chaos.tcp_proxy import TcpProxy, tcp_proxy
from tests.support.transaction_pooler import pgbouncer

CONSUMERS = 3
MAX_IN_FLIGHT = 50
GROUP_ID = "chaos"
SAID_OF_TENANTS: Mapping[str, TenantChanges] = {"small-1": {"weight": 2.0}, "limited": {"max_in_flight": 10}}
POOLED_SESSIONS = 20  # a connection that is frozen in a transaction keeps its session
PASSED_ON = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")
SETTINGS = {
    "LOG_FORMAT": "json",
    "OPS_PORT": "0",
    "OPENAI_API_KEY": SIMULATED_API_KEY,
    "LLM_MODEL": LLM_MODEL,
    "LLM_TIMEOUT_S": f"{LLM_TIMEOUT_S}",
    "LEASE_S": f"{LEASE_S}",
    "KAFKA_GROUP_ID": GROUP_ID,
    "MAX_IN_FLIGHT": f"{MAX_IN_FLIGHT}",
    # an outage must end before the attempts do
    "MAX_ATTEMPTS": "30",
    "RETRY_BASE_S": "0.2",
    "RETRY_MAX_S": "3",
    "BATCH_MAX_WAIT_S": "2",
    "BATCH_POLL_S": "1",
    "BATCH_CONFIRM_S": "3",
    # longer than two calls and their storing, so that a stop cuts nothing off
    "SHUTDOWN_GRACE_S": "10",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """All that takes part in a run."""

    servers: Servers
    consumers: list[Consumer]
    replayers: list[Consumer]
    proxies: list[TcpProxy]
    injectors: Injectors
    upstream: Upstream
    rows: Rows
    reader: Reader

    async def until_consuming(self) -> None:
        """Wait until all consumers consume."""
        for consumer in self.consumers:
            await consumer.until_started()


@asynccontextmanager
async def running_parts(
    seed: int, folder: Path, report: Report, *, is_pooled: bool = False, has_least_rights: bool = False
) -> AsyncIterator[Parts]:
    """All parts, running, for the time of a block; logs of consumers and servers are in `folder`.

    `is_pooled`: the consumers reach the database by way of PgBouncer in transaction mode. `has_least_rights`: they have
    the application's role there, and the least ACLs at the broker.

    Raises:
        StackError: a server cannot run here.
    """
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(
            running_servers(folder, latency=USUAL_LATENCY, seed=seed, report=report, has_acls=has_least_rights)
        )
        await llm_faults.end(servers.llm)
        await _say_of_tenants(servers.postgres.address)
        environment = consumer_environment(servers)
        if has_least_rights:
            await least_rights.allow_least(servers.kafka.address, servers.topics, GROUP_ID)
            environment["DATABASE_URL"] = await least_rights.application_url(servers.postgres.address)
        port = servers.postgres.port
        if is_pooled:
            pooled = pgbouncer(servers.postgres.address, folder, sessions=POOLED_SESSIONS)
            port = urlsplit(await stack.enter_async_context(pooled)).port or port
        proxies = [await stack.enter_async_context(tcp_proxy(port)) for _ in range(CONSUMERS)]
        consumers = [
            Consumer(
                number,
                environment | {"DATABASE_URL": through(proxy, environment["DATABASE_URL"])},
                folder / f"consumer-{number}.log",
            )
            for number, proxy in enumerate(proxies)
        ]
        rows, replayers = Rows(servers.postgres.address), list[Consumer]()
        await rows.set_budget(PLENTY_USD)
        await stack.enter_async_context(kept_running(consumers))

        def replayer() -> Consumer:
            number = len(replayers)
            group = {"KAFKA_GROUP_ID": f"{GROUP_ID}-replay-{number}"}
            replayers.append(Consumer(CONSUMERS + number, environment | group, folder / f"replayer-{number}.log"))
            return replayers[-1]

        injectors = Injectors(
            servers, consumers, proxies, rows, max_in_flight=MAX_IN_FLIGHT, replayer=replayer, group_id=GROUP_ID
        )
        upstream = Upstream(servers.kafka.address, servers.topics.incoming)
        stack.push_async_callback(upstream.stop)
        yield Parts(servers, consumers, replayers, proxies, injectors, upstream, rows, Reader(servers))


async def _say_of_tenants(database_url: str) -> None:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool, connection(pool) as borrowed:
        for tenant_id, changes in SAID_OF_TENANTS.items():
            await set_tenant(borrowed, tenant_id, changes)


def consumer_environment(servers: Servers) -> dict[str, str]:
    """The environment of a consumer process that reaches all servers directly."""
    return {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        **SETTINGS,
        **servers.topics.environment(),
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka.address,
        "DATABASE_URL": servers.postgres.address,
        "OPENAI_BASE_URL": servers.llm_server.address,
        **servers.consumer_login,
    }


def through(proxy: TcpProxy, database_url: str) -> str:
    """The URL of the database by way of a proxy."""
    url = urlsplit(database_url)
    login = url.netloc.rpartition("@")[0]
    return url._replace(netloc=f"{login}@{url.hostname}:{proxy.port}").geturl()
