"""The demo's results as others see them: rows, records, and the LLM's own record of its calls."""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer

from consumer.kafka.poller import source_record
from consumer.settings import KafkaSettings
from devstack.demo.processes import CREATED_TOPIC, Progress
from devstack.endpoints import Endpoints
from devstack.errors import DemoFailed
from devstack.simulated_llm.control import SimulatedLlmControl
from repository.operations.feed_queries import StoredFeed, find_feed, list_feeds
from repository.pool import connection, open_pool
from schemas.record import SourceRecord

MOST_FEEDS = 1_000
READ_DEADLINE_S = 15.0
QUIET_MS = 700  # after this time without a record a topic has no more
DEAD_LETTER_TOPIC: str = KafkaSettings.model_fields["dead_letter_topic"].default


@dataclass(frozen=True, slots=True)
class Evidence:
    """Posts in the order they were stored. `billed_calls` is None where the provider is a real one."""

    feeds: tuple[StoredFeed, ...]
    created: tuple[SourceRecord, ...]
    dead_letters: tuple[SourceRecord, ...]
    billed_calls: int | None
    progress: Progress


async def gather_evidence(endpoints: Endpoints, progress: Progress) -> Evidence:
    """Read database, topics and the LLM's ledger concurrently."""
    feeds, created, dead_letters, billed_calls = await asyncio.gather(
        _feeds(endpoints.database_url),
        _records(endpoints.kafka_bootstrap_servers, CREATED_TOPIC, expected=progress.stored),
        _records(endpoints.kafka_bootstrap_servers, DEAD_LETTER_TOPIC, expected=progress.invalid),
        _billed_calls(endpoints.simulated_llm_url),
    )
    return Evidence(feeds, created, dead_letters, billed_calls, progress)


async def _feeds(database_url: str) -> tuple[StoredFeed, ...]:
    pool = await open_pool(database_url, size=1, application_name="instagram-feed demo")
    try:
        async with connection(pool) as borrowed:
            newest_first = await list_feeds(borrowed, limit=MOST_FEEDS)
            found = [await find_feed(borrowed, feed.instagram_feed_id) for feed in reversed(newest_first)]
    finally:
        await pool.close()
    return tuple(feed for feed in found if feed is not None)


async def _records(bootstrap_servers: str, topic: str, *, expected: int) -> tuple[SourceRecord, ...]:
    """Return all records of a topic: those expected, and whatever else comes until it is quiet.

    Raises:
        DemoFailed: fewer than expected within the deadline.
    """
    # without a group it has every partition, from the start
    consumer: Any = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    found: list[SourceRecord] = []
    give_up_at, quiet = monotonic() + READ_DEADLINE_S, False
    async with consumer:
        while not (quiet and len(found) >= expected):
            if monotonic() > give_up_at:
                raise DemoFailed(f"only {len(found)} of {expected} records could be read back from {topic}")
            batch = await consumer.getmany(timeout_ms=QUIET_MS)
            found += [source_record(record) for records in batch.values() for record in records]
            quiet = not batch
    return tuple(found)


async def _billed_calls(simulated_llm_url: str | None) -> int | None:
    if simulated_llm_url is None:
        return None
    return (await SimulatedLlmControl(simulated_llm_url).ledger_summary()).billed_calls
