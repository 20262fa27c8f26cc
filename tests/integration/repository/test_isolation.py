"""The fixtures keep tests apart on one stack."""

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from openai import AsyncOpenAI

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.topics import Topics
from tests.support.waiting import eventually


async def test_a_test_database_is_migrated_and_empty(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM feed_requests") == 0
    finally:
        await connection.close()


async def test_records_of_a_test_topic_come_back(stack: Endpoints, topics: Topics) -> None:
    servers = stack.kafka_bootstrap_servers
    consumer = AIOKafkaConsumer(topics.incoming, bootstrap_servers=servers, auto_offset_reset="earliest")
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer, consumer:
        await producer.send_and_wait(topics.incoming, b"one")
        assert (await consumer.getone()).value == b"one"
        assert len(consumer.partitions_for_topic(topics.incoming)) == 4


async def test_the_ledger_of_a_test_holds_its_own_calls_only(llm: SimulatedLlmControl) -> None:
    await llm.set_latency("constant:0")
    client = AsyncOpenAI(base_url=llm.base_url, api_key="sk-simulated", max_retries=0)
    await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}])
    await eventually(lambda: _billed(llm))


async def _billed(llm: SimulatedLlmControl) -> bool:
    return len((await llm.ledger()).calls) == 1


async def test_the_environment_of_a_process_names_all_servers(feed_env: dict[str, str]) -> None:
    assert feed_env.keys() >= {"KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY"}
