"""Created and failed events that their topic's own limit refuses."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from structlog.testing import capture_logs

from consumer.kafka.publisher import Publisher
from consumer.pipeline.outbox_relay import TOO_LARGE_RETRY_S, OutboxRelay
from consumer.telemetry.metrics import Metrics
from devstack.endpoints import Endpoints
from repository.outbox import NewOutboxEvent
from repository.pool import Pool
from tests.support.examples import announcement
from tests.support.kafka_records import read_all
from tests.support.outbox_rows import put
from tests.support.topics import unique_topics
from tests.support.waiting import eventually

MAX_MESSAGE_BYTES = 2_000
FITS = 300


@pytest.fixture
async def admin(stack: Endpoints) -> AsyncIterator[AIOKafkaAdminClient]:
    """What creates and changes topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await admin.start()
    yield admin
    await admin.close()


@pytest.fixture
async def small_topic(admin: AIOKafkaAdminClient) -> AsyncIterator[str]:
    """A topic with one partition that takes batches of two thousand bytes."""
    topic = unique_topics().created
    configs = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=configs)])
    yield topic
    await admin.delete_topics([topic])


def padded(topic: str, size: int) -> NewOutboxEvent:
    event = announcement(topic)
    return replace(event, record=replace(event.record, value=b"x" * size))


async def ids_on(stack: Endpoints, topic: str) -> list[str]:
    return [dict(record.headers)["ce_id"].decode() for record in await read_all(stack.kafka_bootstrap_servers, topic)]


async def due_again(pool: Pool) -> None:
    """As when the time has come."""
    await pool.execute("UPDATE outbox_events SET available_at = now()")


async def test_only_what_is_too_large_itself_is_refused_and_it_waits_apart_said_once(
    stack: Endpoints, pool: Pool, publisher: Publisher, small_topic: str
) -> None:
    """Small events share a batch, and brokers judge batches: thirty together are larger than the topic takes."""
    metrics = Metrics()
    relay = OutboxRelay(pool, publisher, metrics)
    sizes = [FITS] * 15 + [3_000, 4_000] + [FITS] * 15
    events = [await put(pool, padded(small_topic, size)) for size in sizes]
    fitting = [str(event.event_id) for event, size in zip(events, sizes, strict=True) if size == FITS]
    with capture_logs() as logged:
        assert await relay.run_once() == len(fitting)
        assert await ids_on(stack, small_topic) == fitting
        await due_again(pool)
        assert await relay.run_once() == 0
    said = [(line["event_id"], line["bytes"]) for line in logged if line["event"] == "relay.event_too_large"]
    assert said == [(str(events[place].event_id), sizes[place]) for place in (15, 16)]
    assert metrics.registry.get_sample_value("instagram_feed_events_too_large_total") == 2
    due = await pool.fetch("SELECT extract(epoch FROM available_at - now()) AS in_s FROM outbox_events")
    assert all(TOO_LARGE_RETRY_S - 30 < row["in_s"] <= TOO_LARGE_RETRY_S for row in due)


async def test_while_some_wait_others_go_out_and_when_the_limit_is_raised_they_follow(
    stack: Endpoints, pool: Pool, publisher: Publisher, small_topic: str, admin: AIOKafkaAdminClient
) -> None:
    relay = OutboxRelay(pool, publisher, Metrics())
    large = await put(pool, padded(small_topic, 3_000))
    assert await relay.run_once() == 0
    later = await put(pool, padded(small_topic, FITS))
    assert await relay.run_once() == 1
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, small_topic, {"max.message.bytes": "9000"})])
    await due_again(pool)

    async def the_large_one_is_out() -> bool:
        await due_again(pool)
        return await relay.run_once() == 1

    await eventually(the_large_one_is_out)
    assert await ids_on(stack, small_topic) == [str(event.event_id) for event in (later, large)]
