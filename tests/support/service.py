"""A consumer that runs, and all that can be seen of it from outside: rows, records, billed calls."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench.topics import existing_topics
from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from devstack.simulated_llm.ledger import LedgerCall
from tests.support.consumer_process import ConsumerProcess, running_consumer
from tests.support.databases import fresh_database
from tests.support.environment import feed_environment, new_account
from tests.support.kafka_records import encoded, overlay_event, read_all, send
from tests.support.ledger_rows import query
from tests.support.topics import Topics, unique_topics
from tests.support.waiting import eventually

DEADLINE_S = 40.0


@dataclass(frozen=True, slots=True)
class Service:
    """One consumer process and its surroundings. Overlays are named by their ids as text."""

    env: Mapping[str, str]
    servers: str
    topics: Topics
    llm: SimulatedLlmControl
    consumer: ConsumerProcess

    async def send(self, *values: bytes | None, **options: Any) -> None:  # noqa: ANN401 - those of kafka_records.send
        """Write records to the topic the consumer reads."""
        await send(self.servers, self.topics.incoming, values, **options)

    async def send_event(self, **changes: object) -> str:
        """Write a valid event; gives its overlay."""
        event = overlay_event(**changes)
        await self.send(encoded(event))
        return str(event["overlay_id"])

    async def ended(self, overlay_id: str) -> dict[str, Any]:
        """The ledger's row of a request, once it is done or failed."""

        async def ended_rows() -> list[dict[str, Any]]:
            return [row for row in await self.rows("feed_requests", overlay_id) if row["state"] in {"done", "failed"}]

        rows: list[dict[str, Any]] = await eventually(ended_rows, DEADLINE_S)
        return rows[0]

    async def rows(self, table: str, overlay_id: str) -> list[dict[str, Any]]:
        """The rows that a table has about an overlay."""
        return await query(self.env["DATABASE_URL"], f"SELECT * FROM {table} WHERE overlay_id = $1::uuid", overlay_id)

    async def feed(self, overlay_id: str) -> dict[str, Any]:
        """The one post of an overlay, once it is stored."""
        row = await self.ended(overlay_id)
        assert row["state"] == "done", (row["last_error_reason"], row["last_error_detail"])
        [feed] = await self.rows("instagram_feeds", overlay_id)
        return feed

    async def announced(self, topic: str, overlay_id: str) -> list[Any]:
        """The records of a topic about an overlay, once there is one."""
        return await self._records(topic, overlay_id.encode())

    async def dead_letters_of(self, key: bytes) -> list[Any]:
        """The dead letters of records with this key, once there is one."""
        return await self._records(self.topics.dead_letter, key)

    async def _records(self, topic: str, key: bytes) -> list[Any]:
        async def with_key() -> list[Any]:
            return [record for record in await read_all(self.servers, topic) if record.key == key]

        return await eventually(with_key, DEADLINE_S)

    async def calls(self, overlay_id: str) -> list[LedgerCall]:
        """All calls that were made for an overlay, oldest first."""
        return [call for call in (await self.llm.ledger()).calls if call.overlay_id == overlay_id]

    async def spoil(self, overlay_id: str, *rules: Mapping[str, object]) -> None:
        """Have calls for one overlay go wrong, and no others."""
        await self.llm.set_faults(*({"match": overlay_id, **rule} for rule in rules))


@asynccontextmanager
async def running_service(
    env: Mapping[str, str], stack: Endpoints, topics: Topics, llm: SimulatedLlmControl
) -> AsyncIterator[Service]:
    """A service for the time of a block, which ends it as an orchestrator does."""
    async with running_consumer(env) as consumer:
        yield Service(env, stack.kafka_bootstrap_servers, topics, llm, consumer)
        if consumer.process.returncode is None:
            assert await consumer.stop() == 0, consumer.lines[-5:]


@asynccontextmanager
async def lasting_service(stack: Endpoints, template: str, settings: Mapping[str, str]) -> AsyncIterator[Service]:
    """A service with database, topics and LLM account of its own, for more than one test."""
    topics, llm = unique_topics(), new_account(stack)
    await llm.set_latency("constant:0.02")
    async with (
        fresh_database(stack.database_url, template=template) as database_url,
        existing_topics(stack.kafka_bootstrap_servers, topics, partitions=4),
    ):
        env = {**feed_environment(stack, database_url, topics, llm), **settings}
        async with running_service(env, stack, topics, llm) as service:
            yield service


def texts_of(records: Sequence[Any]) -> list[dict[str, str]]:
    """The headers of records as text."""
    return [{name: value.decode() for name, value in record.headers} for record in records]
