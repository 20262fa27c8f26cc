"""From the outbox to Kafka: every event at least once, the same each time, and none lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from consumer.kafka.publisher import Publisher
from consumer.pipeline.outbox_relay import TOO_LARGE_RETRY_S, OutboxRelay
from consumer.telemetry.metrics import Metrics
from devstack.endpoints import Endpoints
from repository.outbox import OutboxEvent
from repository.pool import Pool
from tests.support.examples import announcement
from tests.support.kafka_records import read_all
from tests.support.ledger import count
from tests.support.outbox_rows import put
from tests.support.topics import Topics
from tests.support.waiting import eventually

pytestmark = pytest.mark.partitions(1)


@pytest.fixture
def relay(pool: Pool, publisher: Publisher) -> OutboxRelay:
    return OutboxRelay(pool, publisher, Metrics())


async def ids_on(stack: Endpoints, topic: str) -> list[str]:
    """The event ids on a topic with one partition, in their order."""
    records = await read_all(stack.kafka_bootstrap_servers, topic)
    return [dict(record.headers)["ce_id"].decode() for record in records]


def ids(events: Sequence[OutboxEvent]) -> list[str]:
    return [str(event.event_id) for event in events]


async def test_what_is_handed_over_is_published_in_order_and_leaves_the_outbox(
    stack: Endpoints, pool: Pool, topics: Topics, relay: OutboxRelay
) -> None:
    events = [await put(pool, announcement(topics.created), lease_s=60) for _ in range(20)]
    relay.hand_over(events)
    assert await relay.run_once() == 20
    assert await ids_on(stack, topics.created) == ids(events)
    assert await count(pool, "outbox_events") == 0


async def test_a_record_arrives_byte_for_byte(stack: Endpoints, pool: Pool, topics: Topics, relay: OutboxRelay) -> None:
    event = await put(pool, announcement(topics.created))
    await relay.run_once()
    [record] = await read_all(stack.kafka_bootstrap_servers, topics.created)
    assert (record.key, record.value, tuple(record.headers)) == (
        event.record.key,
        event.record.value,
        event.record.headers,
    )


async def test_what_a_lost_process_left_behind_is_found_in_the_table(
    stack: Endpoints, pool: Pool, topics: Topics, relay: OutboxRelay
) -> None:
    left_behind = await put(pool, announcement(topics.created), lease_s=-1)
    await put(pool, announcement(topics.created), lease_s=60)
    assert await relay.run_once() == 1
    assert await ids_on(stack, topics.created) == ids([left_behind])
    assert await count(pool, "outbox_events") == 1


async def test_an_event_that_two_relays_have_is_sent_twice_and_is_the_same_both_times(
    stack: Endpoints, pool: Pool, topics: Topics, publisher: Publisher
) -> None:
    """As after a lease that ran out while the first relay was sending."""
    relays = [OutboxRelay(pool, publisher, Metrics()) for _ in range(2)]
    relays[0].hand_over([await put(pool, announcement(topics.created))])
    assert [await relay.run_once() for relay in relays[::-1]] == [1, 1]
    first, second = await read_all(stack.kafka_bootstrap_servers, topics.created)
    assert (first.key, first.value, first.headers) == (second.key, second.value, second.headers)


async def test_an_event_the_broker_refuses_goes_back_and_holds_up_no_other(
    stack: Endpoints, pool: Pool, topics: Topics, relay: OutboxRelay
) -> None:
    fine, too_large, fine_too = (announcement(topics.created) for _ in range(3))
    too_large = replace(too_large, record=replace(too_large.record, value=b"x" * 2_000_000))
    events = [await put(pool, event, lease_s=60) for event in (fine, too_large, fine_too)]
    relay.hand_over(events)
    assert await relay.run_once() == 2
    assert await ids_on(stack, topics.created) == ids(events[::2])
    [row] = await pool.fetch(
        "SELECT event_id, available_at <= now() + $1 * interval '1 second' AS is_tried_again FROM outbox_events",
        TOO_LARGE_RETRY_S,
    )
    assert (row["event_id"], row["is_tried_again"]) == (too_large.event_id, True)


async def test_an_event_for_a_topic_that_is_gone_stays_in_the_outbox_and_holds_up_no_other(
    stack: Endpoints, pool: Pool, topics: Topics, relay: OutboxRelay
) -> None:
    gone, fine = announcement("deleted.by.somebody"), announcement(topics.created)
    events = [await put(pool, event, lease_s=60) for event in (gone, fine)]
    relay.hand_over(events)
    assert await relay.run_once() == 1
    assert await ids_on(stack, topics.created) == ids(events[1:])
    assert await pool.fetchval("SELECT event_id FROM outbox_events") == gone.event_id


@pytest.mark.parametrize(
    "headers",
    [b'{"ce_id": 1}', b"[]", b"null", b"\x00", b"\0\0\0\x02\0\0\0\x01\xff\xffA", b"\0\0\0\x03\0\0\0\0\xed\xa0\x80"],
    ids=["an object", "a list", "null", "cut off", "a name that is not UTF-8", "half a surrogate as a name"],
)
async def test_a_row_that_somebody_changed_by_hand_is_set_apart_and_holds_up_no_other(
    stack: Endpoints, pool: Pool, topics: Topics, publisher: Publisher, relay: OutboxRelay, headers: bytes
) -> None:
    broken, fine = [await put(pool, announcement(topics.created), lease_s=-1) for _ in range(2)]
    good_headers = await pool.fetchval(
        "UPDATE outbox_events AS row SET headers = $2 FROM outbox_events AS old "
        "WHERE row.outbox_id = $1 AND old.outbox_id = $1 RETURNING old.headers",
        broken.outbox_id,
        headers,
    )
    with capture_logs() as lines:
        assert await relay.run_once() == 1
        await pool.execute("UPDATE outbox_events SET available_at = now() WHERE available_at < 'infinity'")
        assert await OutboxRelay(pool, publisher, Metrics()).run_once() == 0
    assert await ids_on(stack, topics.created) == ids([fine])
    [told] = [line for line in lines if line["event"] == "relay.event_unreadable"]
    assert (told["event_id"], told["outbox_id"]) == (str(broken.event_id), broken.outbox_id)
    await pool.execute("UPDATE outbox_events SET headers = $1, available_at = now()", good_headers)
    assert await relay.run_once() == 1
    assert await ids_on(stack, topics.created) == ids([fine, broken])


async def test_what_was_left_behind_is_published_although_there_is_always_something_in_hand(
    stack: Endpoints, pool: Pool, topics: Topics, relay: OutboxRelay
) -> None:
    left_behind = await put(pool, announcement(topics.created), lease_s=-1)

    async def left_behind_is_out() -> bool:
        relay.hand_over([await put(pool, announcement(topics.created), lease_s=60) for _ in range(2)])
        await relay.run_once()
        relay.hand_over([await put(pool, announcement(topics.created), lease_s=60)])
        return ids([left_behind])[0] in await ids_on(stack, topics.created)

    await eventually(left_behind_is_out)


async def test_a_long_queue_is_published_batch_by_batch(
    stack: Endpoints, pool: Pool, topics: Topics, relay: OutboxRelay
) -> None:
    events = await asyncio.gather(*(put(pool, announcement(topics.created), lease_s=60) for _ in range(501)))
    relay.hand_over(events)
    assert [await relay.run_once(), await relay.run_once()] == [500, 1]
    assert await ids_on(stack, topics.created) == ids(events)


async def test_nothing_to_publish_is_nothing_done(relay: OutboxRelay) -> None:
    relay.hand_over([])
    assert await relay.run_once() == 0
    await relay.drain()
