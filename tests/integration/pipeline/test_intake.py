"""The intake on real Kafka and Postgres: nothing is lost or taken twice, whatever cannot be done now."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from consumer.errors import UnreadableRecord
from consumer.pipeline import dead_letters
from consumer.pipeline.intake import LOOK_S
from consumer.pipeline.outcomes import Work
from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from repository.pool import Pool, open_pool
from tests.support.application import Application, application
from tests.support.examples import new_request, overlay_completed
from tests.support.kafka_records import encoded, overlay_event, read_all, send, send_unreadable
from tests.support.ledger import claim, count, states
from tests.support.topics import Topics
from tests.support.waiting import eventually

pytestmark = pytest.mark.partitions(1)

ENTER = """
    INSERT INTO feed_requests (overlay_id, state, tenant_id, event_id, source_topic, source_partition, source_offset,
        source_timestamp_ms)
    VALUES ($1, 'waiting', 'somebody', 'e', 't', 0, 0, 0)
"""


@pytest.fixture
async def pool(feed_env: Mapping[str, str], llm: SimulatedLlmControl) -> AsyncIterator[Pool]:
    """Connections to the database of the test's application."""
    await llm.set_latency("constant:0.02")
    pool = await open_pool(feed_env["DATABASE_URL"], size=2, application_name="tests")
    yield pool
    await pool.close()


async def take_in(consumer: Application) -> int:
    """Poll until something new is started."""
    return await eventually(consumer.take_in, 20)


async def undone(consumer: Application) -> str:
    """Poll until a poll is undone; gives why."""

    async def unavailable_reason() -> str | None:
        consumer.app.intake.unavailable_reason = None
        await consumer.take_in()
        return consumer.app.intake.unavailable_reason

    return await eventually(unavailable_reason, 20) or ""


async def committed(consumer: Application, topics: Topics) -> int | None:
    offset: int | None = await consumer.resources.consumer.committed(TopicPartition(topics.incoming, 0))
    return offset


def records(consumer: Application, kind: str) -> float:
    """How many records of a kind were counted."""
    value = consumer.metrics.registry.get_sample_value("instagram_feed_events_total", {"result": kind})
    return value or 0.0


async def test_a_poll_is_in_the_ledger_and_its_offsets_are_committed_before_any_answer_is_there(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, pool: Pool
) -> None:
    await llm.set_latency("constant:60")
    values = [encoded(overlay_event()) for _ in range(5)]
    await send(stack.kafka_bootstrap_servers, topics.incoming, values)
    async with application(feed_env) as consumer:
        assert await take_in(consumer) == 5
        assert list((await states(pool)).values()) == ["claimed"] * 5
        assert await committed(consumer, topics) == 5
        assert len(consumer.app.in_flight.held) == 5


async def test_an_overlay_that_is_known_costs_no_call_whoever_announces_it_again(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, pool: Pool
) -> None:
    known = overlay_event()
    again = [encoded({**known, "event_id": f"copy-{number}"}) for number in range(3)]
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(known), again[0]])
    async with application(feed_env) as consumer:
        assert await take_in(consumer) == 1
        await consumer.finish()
        await send(stack.kafka_bootstrap_servers, topics.incoming, [*again[1:], encoded(overlay_event())])
        assert await take_in(consumer) == 1
        await consumer.finish()
        assert (records(consumer, "claimed"), records(consumer, "duplicate")) == (2, 3)
    assert (await llm.ledger_summary()).total_calls == 2
    assert await count(pool, "instagram_feeds") == 2


async def test_an_overlay_that_failed_is_tried_anew_when_it_comes_with_other_content_and_only_then(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, pool: Pool
) -> None:
    wrong = overlay_event()
    async with application(feed_env) as consumer:
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(wrong)])
        assert await take_in(consumer) == 1
        await consumer.finish()
        await pool.execute(
            "UPDATE feed_requests SET state = 'failed', source_key = 'k', source_value = $1, source_headers = ''",
            encoded(wrong),
        )
        await pool.execute("DELETE FROM instagram_feeds")
        same = encoded({**wrong, "event_id": "sent again", "occurred_at": "2026-11-02T00:00:00Z"})
        await send(stack.kafka_bootstrap_servers, topics.incoming, [same])
        await eventually(lambda: polled(consumer, duplicates=1), 20)
        corrected = encoded({**wrong, "event_id": "corrected", "product_description": "what it really is"})
        await send(stack.kafka_bootstrap_servers, topics.incoming, [corrected])
        assert await take_in(consumer) == 1
        await consumer.finish()
    [row] = await pool.fetch("SELECT revision, product_description, source_event_id FROM instagram_feeds")
    assert tuple(row) == (1, "what it really is", "corrected")
    assert (await llm.ledger_summary()).total_calls == 2


async def test_an_overlay_that_failed_in_a_batch_goes_by_batch_again_when_it_comes_with_other_content(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, pool: Pool
) -> None:
    wrong = overlay_event(delivery="batch")
    async with application(feed_env) as consumer:
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(wrong)])

        async def is_in_state(state: str) -> bool:
            await consumer.take_in()
            return bool(await pool.fetchval("SELECT EXISTS (SELECT FROM feed_requests WHERE state = $1)", state))

        await eventually(lambda: is_in_state("batched"), 20)
        await pool.execute("UPDATE feed_requests SET state = 'failed', batch_id = gen_random_uuid()")
        corrected = encoded({**wrong, "product_description": "what it really is"})
        await send(stack.kafka_bootstrap_servers, topics.incoming, [corrected])
        await eventually(lambda: is_in_state("batched"), 20)
    [row] = await pool.fetch("SELECT batch_id, source_value FROM feed_requests")
    assert (row["batch_id"], row["source_value"]) == (None, corrected)
    assert (await llm.ledger_summary()).total_calls == 0


async def polled(consumer: Application, *, duplicates: int) -> bool:
    """Poll; whether so many duplicates have come."""
    await consumer.take_in()
    return records(consumer, "duplicate") == duplicates


async def test_an_event_whose_row_somebody_else_is_about_to_write_holds_up_no_other(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    held, other, later = (overlay_event() for _ in range(3))
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(held), encoded(other)])
    async with application(feed_env) as consumer:
        async with pool.acquire() as somebody:
            transaction = somebody.transaction()
            await transaction.start()
            await somebody.execute(ENTER, held["overlay_id"])
            assert await take_in(consumer) == 1
            await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(later)])
            assert await take_in(consumer) == 1
            assert await committed(consumer, topics) in {None, 0}, "else the event would be lost with its row"
            await transaction.rollback()
        assert await take_in(consumer) == 1
        await consumer.finish()

        async def all_committed() -> bool:
            await consumer.take_in()
            return await committed(consumer, topics) == 3

        await eventually(all_committed, 20)
    assert await count(pool, "instagram_feeds") == 3


async def test_without_fair_shares_no_more_is_taken_in_than_there_are_slots(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(7)])
    async with application(feed_env, MAX_IN_FLIGHT="3", FAIR_SHARES="false") as consumer:
        for expected in (3, 3, 1):
            assert await take_in(consumer) == expected
            await consumer.finish()
    assert await count(pool, "instagram_feeds") == 7


async def test_a_stop_is_noticed_although_all_slots_are_full(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, pool: Pool
) -> None:
    await llm.set_latency("constant:60")
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(2)])
    async with application(feed_env, MAX_IN_FLIGHT="1", FAIR_SHARES="false") as consumer:
        assert await take_in(consumer) == 1
        stop = asyncio.Event()
        running = asyncio.create_task(consumer.app.intake.run(stop))
        for _ in range(10):  # until it waits for a slot
            await asyncio.sleep(0)
        stop.set()
        async with asyncio.timeout(LOOK_S * 10):
            await running
    assert await count(pool, "feed_requests") == 1


async def test_after_a_pause_that_may_have_cost_the_leases_no_call_is_begun_for_what_was_claimed_before(
    feed_env: Mapping[str, str], llm: SimulatedLlmControl, pool: Pool
) -> None:
    event = overlay_event()
    async with application(feed_env, LEASE_S="60") as consumer:
        [request] = await claim(pool, [new_request(UUID(str(event["overlay_id"])))])
        await consumer.app.in_flight.reserve(at_least=1, at_most=1)
        consumer.app.in_flight.hold([request], leased_at_s=time.monotonic() - 45)
        await consumer.app.dispatcher.start([Work(request, overlay_completed(**event))])
        await consumer.finish()
        [row] = await pool.fetch("SELECT state, attempts, llm_calls, available_at <= now() AS due FROM feed_requests")
        assert tuple(row) == ("waiting", 0, 0, True)
    assert (await llm.ledger_summary()).total_calls == 0


async def test_an_event_of_another_type_is_passed_over(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics
) -> None:
    values = [encoded(overlay_event(event_type="overlay.deleted")), encoded(overlay_event())]
    await send(stack.kafka_bootstrap_servers, topics.incoming, values)
    async with application(feed_env) as consumer:
        assert await take_in(consumer) == 1
        assert records(consumer, "ignored") == 1
        assert await committed(consumer, topics) == 2
        await consumer.finish()
    assert await read_all(stack.kafka_bootstrap_servers, topics.dead_letter) == []


async def test_a_dead_letter_that_cannot_be_sent_holds_its_offset_until_it_can_and_no_other_event(
    stack: Endpoints,
    feed_env: Mapping[str, str],
    topics: Topics,
    llm: SimulatedLlmControl,
    pool: Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dead_letters, "RETRY_S", 0.2)
    await limit_record_size(stack, topics.dead_letter, 100)
    await send(stack.kafka_bootstrap_servers, topics.incoming, [b"not json" * 20, encoded(overlay_event())])
    async with application(feed_env, READ_AHEAD="1", MAX_IN_FLIGHT="4", FAIR_SHARES="false") as consumer:
        await eventually(consumer.take_in, 20)
        for _ in range(3):  # more than one poll brings
            await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(4)])
            await eventually(consumer.take_in, 20)
            await consumer.finish()
        assert "MessageSizeTooLarge" in (consumer.app.intake.unavailable_reason or "")
        assert await committed(consumer, topics) in {None, 0}
        await limit_record_size(stack, topics.dead_letter, 1_000_000)

        async def all_passed() -> bool:
            await consumer.take_in()
            await consumer.finish()
            return await committed(consumer, topics) == 14

        await eventually(all_passed, 20)
        assert consumer.app.intake.unavailable_reason is None
    assert len(await read_all(stack.kafka_bootstrap_servers, topics.dead_letter)) == 1
    assert await count(pool, "instagram_feeds") == (await llm.ledger_summary()).total_calls == 13


@pytest.mark.partitions(2)
async def test_a_dead_letter_that_cannot_be_sent_holds_the_offset_of_its_own_partition_alone(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics
) -> None:
    await limit_record_size(stack, topics.dead_letter, 100)
    broker, topic = stack.kafka_bootstrap_servers, topics.incoming
    valid = encoded(overlay_event())
    await send(broker, topic, [valid, b"not json" * 20, encoded(overlay_event())], partition=0)
    await send(broker, topic, [encoded(overlay_event()) for _ in range(3)], partition=1)
    async with application(feed_env) as consumer:

        async def committed_offsets() -> list[int | None]:
            await consumer.take_in()
            places = [TopicPartition(topic, partition) for partition in range(2)]
            return [await consumer.resources.consumer.committed(place) for place in places]

        async def all_but_what_is_behind_it() -> bool:
            return await committed_offsets() == [1, 3]

        await eventually(all_but_what_is_behind_it, 20)
        assert "MessageSizeTooLarge" in (consumer.app.intake.unavailable_reason or "")
        await consumer.finish()
    # who comes next finds the record again, and sends its dead letter
    await limit_record_size(stack, topics.dead_letter, 1_000_000)
    async with application(feed_env) as consumer:

        async def all_passed() -> bool:
            return await committed_offsets() == [3, 3]

        await eventually(all_passed, 20)
    [letter] = await read_all(broker, topics.dead_letter)
    assert dict(letter.headers)["dlq_original_offset"] == b"1"


async def test_more_dead_letters_than_may_wait_in_memory_stay_where_they_are(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MOST_OWED", 2)
    await limit_record_size(stack, topics.dead_letter, 100)
    await send(stack.kafka_bootstrap_servers, topics.incoming, [b"not json" * 20] * 3)
    async with application(feed_env) as consumer:
        assert "MessageSizeTooLarge" in await undone(consumer)
        assert consumer.app.intake._dead_letters.owed == 0  # noqa: SLF001 - they come again with their poll
        await limit_record_size(stack, topics.dead_letter, 1_000_000)

        async def all_passed() -> bool:
            await consumer.take_in()
            return await committed(consumer, topics) == 3

        await eventually(all_passed, 20)
    assert len(await read_all(stack.kafka_bootstrap_servers, topics.dead_letter)) == 3


async def test_a_dead_letter_is_sent_once_however_long_postgres_cannot_take_the_event_beside_it(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    """Else an outage of the database would empty one record into the dead letters until their limit is passed."""
    await send(stack.kafka_bootstrap_servers, topics.incoming, [b"not json", encoded(overlay_event())])
    async with application(feed_env, DEAD_LETTER_MAX_RUN="1") as consumer:
        await pool.execute("ALTER TABLE feed_requests RENAME TO elsewhere")
        for _ in range(3):
            await undone(consumer)
        assert await read_all(stack.kafka_bootstrap_servers, topics.dead_letter) == []
        await pool.execute("ALTER TABLE elsewhere RENAME TO feed_requests")
        assert await take_in(consumer) == 1
        await consumer.finish()
        assert await committed(consumer, topics) == 2
    assert len(await read_all(stack.kafka_bootstrap_servers, topics.dead_letter)) == 1


async def test_what_postgres_cannot_take_now_is_polled_again(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(3)])
    async with application(feed_env) as consumer:
        await pool.execute("ALTER TABLE feed_requests RENAME TO elsewhere")
        await undone(consumer)
        assert await committed(consumer, topics) is None
        assert consumer.app.in_flight.free == consumer.app.in_flight.slots
        await pool.execute("ALTER TABLE elsewhere RENAME TO feed_requests")
        assert await take_in(consumer) == 3
        await consumer.finish()
    assert await count(pool, "instagram_feeds") == 3


async def test_a_new_member_of_the_group_goes_on_where_the_last_one_stopped(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, pool: Pool
) -> None:
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(2)])
    async with application(feed_env) as first:
        await take_in(first)
        await first.finish()
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event())])
    async with application(feed_env) as second:
        assert await take_in(second) == 1
        assert records(second, "duplicate") == 0
        await second.finish()
    assert (await llm.ledger_summary()).billed_calls == await count(pool, "instagram_feeds") == 3


async def limit_record_size(stack: Endpoints, topic: str, max_bytes: int) -> None:
    """Have the broker refuse larger records on a topic."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await admin.start()
    try:
        configs = {"max.message.bytes": str(max_bytes)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])
    finally:
        await admin.close()


@pytest.mark.partitions(8)
async def test_what_was_polled_beside_a_partition_that_cannot_be_read_is_polled_again(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    """Whether the others come before it in a poll is up to chance: aiokafka drops those that do."""
    servers, bad = stack.kafka_bootstrap_servers, 3
    await send_unreadable(servers, topics.incoming, partition=bad)
    good = [partition for partition in range(8) if partition != bad]
    for partition in good:
        await send(servers, topics.incoming, [encoded(overlay_event())], partition=partition)
    async with application(feed_env) as consumer:
        with pytest.raises(UnreadableRecord, match=f"{topics.incoming}, partition 3, at offset 0 or soon after"):
            await eventually(consumer.take_in, 20)
        admin: Any = AIOKafkaAdminClient(bootstrap_servers=servers)
        await admin.start()
        await admin.delete_records({TopicPartition(topics.incoming, bad): RecordsToDelete(1)})
        await admin.close()

        async def all_known() -> bool:
            await consumer.take_in()
            return await count(pool, "feed_requests") == len(good)

        await eventually(all_known, 20)
