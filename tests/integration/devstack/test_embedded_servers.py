"""The embedded servers on their own: killed and started again they have what they acknowledged."""

import socket
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.topics import existing_topics
from devstack.errors import StackError
from devstack.kafka import KafkaServer
from devstack.kafka_artifacts import can_serve, ensure_jars
from devstack.ports import LOOPBACK, free_port
from devstack.postgres import PostgresServer


@pytest.mark.skipif(not can_serve(), reason="neither Java nor Maven here")
async def test_a_killed_broker_has_its_records_when_it_is_back(tmp_path: Path) -> None:
    broker = KafkaServer(tmp_path, free_port(), jars=ensure_jars(print))
    await broker.start()
    try:
        async with existing_topics(broker.address, ["kept"], partitions=1):
            async with AIOKafkaProducer(bootstrap_servers=broker.address, acks="all") as producer:
                await producer.send_and_wait("kept", b"one")
            broker.kill()
            assert await broker.problem() == "not running"
            await broker.start()
            consumer = AIOKafkaConsumer("kept", bootstrap_servers=broker.address, auto_offset_reset="earliest")
            async with consumer:
                assert (await consumer.getone()).value == b"one"
    finally:
        await broker.stop()


async def test_a_killed_postgres_has_its_rows_when_it_is_back(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path, free_port())
    await server.start()
    try:
        await _fetch(server.address, "CREATE TABLE kept AS SELECT 1 AS one")
        server.kill()
        assert await server.problem() == "not running"
        await server.start()
        assert await _fetch(server.address, "SELECT one FROM kept") == 1
    finally:
        await server.stop()


async def test_a_server_refuses_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=f"port {port} .* in use"):
            await PostgresServer(tmp_path, port).start()


async def _fetch(database_url: str, statement: str) -> object:
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()
