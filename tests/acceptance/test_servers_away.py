"""Postgres or Kafka away while calls are in flight: nothing is lost and nothing paid twice."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from consumer.lifecycle import END_S
from devstack.endpoints import Endpoints
from tests.chaos.parts import consumer_environment
from tests.chaos.servers import Servers, running_servers
from tests.support.consumer_process import ConsumerProcess, running_consumer
from tests.support.kafka_records import encoded, overlay_event, read_json, send
from tests.support.ledger_rows import count_feeds, count_requests, query
from tests.support.waiting import eventually

EVENTS = 20
RECOVERY_S = 60.0


@pytest.fixture
async def servers(stack: Endpoints, tmp_path: Path) -> AsyncIterator[Servers]:
    """A database and an LLM of the test's own, which it may stop, and everybody's broker."""
    async with own_servers(tmp_path, broker=stack.kafka_bootstrap_servers) as running:
        yield running


def own_servers(folder: Path, *, broker: str | None = None) -> AbstractAsyncContextManager[Servers]:
    return running_servers(folder, latency="constant:1", seed=1, report=lambda _: None, broker=broker)


def environment(servers: Servers) -> dict[str, str]:
    return {**consumer_environment(servers), "LLM_TIMEOUT_S": "30", "LEASE_S": "60"}


def directory(path: Path) -> Path:
    path.mkdir()
    return path


def spools_in(directory: Path) -> list[Path]:
    return list(directory.glob("*.spool"))


async def produce(servers: Servers) -> None:
    events = [encoded(overlay_event()) for _ in range(EVENTS)]
    await send(servers.kafka.address, servers.topics.incoming, events)


async def until_all_called(servers: Servers) -> None:
    async def all_called() -> bool:
        return (await servers.llm.ledger_summary()).in_flight_calls == EVENTS

    await eventually(all_called, RECOVERY_S)


async def until_all_created(servers: Servers) -> None:
    async def all_created() -> bool:
        created = await read_json(servers.kafka.address, servers.topics.created)
        return len({event["overlay_id"] for event in created}) == EVENTS

    await eventually(all_created, RECOVERY_S)


async def test_results_paid_for_wait_in_memory_while_postgres_is_away(servers: Servers) -> None:
    async with running_consumer(environment(servers)) as consumer:
        await servers.llm.set_latency("constant:3")
        await produce(servers)
        await until_all_called(servers)
        servers.postgres.kill()
        await eventually(lambda: consumer.events("store.unavailable"), RECOVERY_S)
        await servers.postgres.start()
        await until_all_created(servers)
        assert await consumer.stop() == 0
    assert await count_feeds(servers.postgres.address) == EVENTS
    assert (await servers.llm.ledger_summary()).billed_calls == EVENTS


async def test_results_that_cannot_be_stored_before_the_end_are_stored_by_the_next_start(
    servers: Servers, tmp_path: Path
) -> None:
    settings = {**environment(servers), "SPOOL_DIR": str(tmp_path), "SHUTDOWN_GRACE_S": "5", "LEASE_S": "600"}
    async with running_consumer(settings) as consumer:
        await servers.llm.set_latency("constant:3")
        await produce(servers)
        await until_all_called(servers)
        servers.postgres.kill()
        await eventually(lambda: consumer.events("store.unavailable"), RECOVERY_S)
        assert await consumer.stop() == 0
        assert consumer.events("spool.written")[0]["results"] == EVENTS
        assert consumer.events("result.lost") == []
    await servers.postgres.start()
    async with running_consumer(settings) as consumer:
        await until_all_created(servers)
        assert await consumer.stop() == 0
    assert await count_feeds(servers.postgres.address) == EVENTS
    assert (await servers.llm.ledger_summary()).billed_calls == EVENTS
    assert spools_in(tmp_path) == []


async def test_results_that_can_neither_be_stored_nor_spooled_are_named_with_what_they_cost(
    servers: Servers, tmp_path: Path
) -> None:
    away = directory(tmp_path / "away")
    settings = {**environment(servers), "SPOOL_DIR": str(away), "SHUTDOWN_GRACE_S": "5"}
    async with running_consumer(settings) as consumer:
        await servers.llm.set_latency("constant:3")
        await produce(servers)
        await until_all_called(servers)
        servers.postgres.kill()
        await eventually(lambda: consumer.events("store.unavailable"), RECOVERY_S)
        await asyncio.to_thread(away.rmdir)
        assert await consumer.stop() == 0
        lost = consumer.events("result.lost")
    assert len({line["overlay_id"] for line in lost}) == EVENTS
    assert all(float(line["cost_usd"]) > 0 for line in lost)


async def test_created_events_wait_in_the_outbox_while_kafka_is_away(tmp_path: Path) -> None:
    async with own_servers(tmp_path) as servers, running_consumer(environment(servers)) as consumer:
        await servers.llm.set_latency("constant:3")
        await produce(servers)
        await until_all_called(servers)
        servers.kafka.kill()

        async def all_stored() -> bool:
            return await count_requests(servers.postgres.address, "done") == EVENTS

        await eventually(all_stored, RECOVERY_S)
        waiting = await query(servers.postgres.address, "SELECT count(*) FROM outbox_events")
        assert waiting == [{"count": EVENTS}]
        await servers.kafka.start()
        await until_all_created(servers)
        assert await consumer.stop() == 0
        assert (await servers.llm.ledger_summary()).billed_calls == EVENTS


@asynccontextmanager
async def frozen(servers: Servers) -> AsyncIterator[None]:
    """Have the database take connections and statements, and answer nothing."""
    assert servers.postgres.pid is not None
    server = psutil.Process(servers.postgres.pid)
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def locked(servers: Servers) -> AsyncIterator[None]:
    """Have somebody hold the ledger, as a change of the table does that waits for something itself."""
    connection = await asyncpg.connect(servers.postgres.address)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE feed_requests")
            yield
    finally:
        await connection.close()


@pytest.mark.parametrize("hanging", [frozen, locked])
async def test_a_stop_while_the_database_hangs_takes_no_longer_than_is_said_and_keeps_what_was_paid_for(
    servers: Servers, tmp_path: Path, hanging: Callable[[Servers], AbstractAsyncContextManager[None]]
) -> None:
    grace_s = 1.0
    settings = {**environment(servers), "SPOOL_DIR": str(tmp_path), "SHUTDOWN_GRACE_S": f"{grace_s:g}"}
    settings["LEASE_S"] = "600"
    async with running_consumer(settings) as consumer:
        await servers.llm.set_latency("constant:2")
        await produce(servers)
        await until_all_called(servers)
        async with hanging(servers):

            async def all_answered() -> bool:
                return (await servers.llm.ledger_summary()).in_flight_calls == 0

            await eventually(all_answered, RECOVERY_S)
            # so that statements hang of all loops that make any: intake, leases, partitions, results, outbox
            await send(servers.kafka.address, servers.topics.incoming, [encoded(overlay_event())])
            await eventually(lambda: _is_unready(consumer), RECOVERY_S)
            began_s = time.monotonic()
            assert await consumer.stop() == 0, consumer.lines[-5:]
            assert time.monotonic() - began_s < grace_s + END_S
        assert consumer.events("spool.written")[0]["results"] == EVENTS
    async with running_consumer(settings) as consumer:

        async def all_stored() -> bool:
            return await count_feeds(servers.postgres.address) == EVENTS + 1

        await eventually(all_stored, RECOVERY_S)
        assert await consumer.stop() == 0
    assert (await servers.llm.ledger_summary()).billed_calls == EVENTS + 1


async def _is_unready(consumer: ConsumerProcess) -> bool:
    return await consumer.ready_status() == 503
