"""Partitions shared by leases: nobody waits for anybody, nothing is skipped in silence, commits never go back."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete

from consumer.kafka.topic_description import TopicDescription
from consumer.pipeline.partitions import share as partition_share
from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from repository.pool import Pool, open_pool
from tests.support.application import Application, application
from tests.support.kafka_records import encoded, overlay_event, read_all, send
from tests.support.ledger import count
from tests.support.topics import Topics
from tests.support.waiting import eventually

NOTICED_S = 10.0


@pytest.fixture
async def pool(feed_env: Mapping[str, str], llm: SimulatedLlmControl) -> AsyncIterator[Pool]:
    """Connections to the database of the test's applications."""
    await llm.set_latency("constant:0.02")
    pool = await open_pool(feed_env["DATABASE_URL"], size=2, application_name="tests")
    yield pool
    await pool.close()


@asynccontextmanager
async def running(env: Mapping[str, str], **changes: str) -> AsyncIterator[Application]:
    """An application whose share and intake go by themselves."""
    async with application(env, **changes) as consumer:
        stop = asyncio.Event()
        loops = [
            asyncio.create_task(consumer.app.share.run()),
            asyncio.create_task(consumer.app.intake.run(stop)),
            asyncio.create_task(consumer.app.outcome_store.run()),
        ]
        try:
            yield consumer
        finally:
            stop.set()
            await loops[1]
            await consumer.app.in_flight.until_empty()
            for loop in loops:
                loop.cancel()


def partitions(consumer: Application) -> set[int]:
    return {one.partition for one in consumer.resources.consumer.assignment()}


async def until_shared(*consumers: Application, sizes: Sequence[int], deadline_s: float = NOTICED_S) -> None:
    """Wait until these read so many partitions each, and none is read twice."""

    def is_shared() -> bool:
        read = [partitions(consumer) for consumer in consumers]
        return sorted(map(len, read)) == sorted(sizes) and len(set().union(*read)) == sum(sizes)

    await eventually(is_shared, deadline_s)


async def committed(consumer: Application, topics: Topics, partition: int = 0) -> int | None:
    offset: int | None = await consumer.resources.consumer.committed(TopicPartition(topics.incoming, partition))
    return offset


@asynccontextmanager
async def admin_of(stack: Endpoints) -> AsyncIterator[Any]:
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def test_who_comes_gets_its_share_and_who_leaves_is_followed_at_once(
    feed_env: Mapping[str, str], pool: Pool
) -> None:
    async with running(feed_env) as first:
        await until_shared(first, sizes=[4])
        async with running(feed_env) as second:
            await until_shared(first, second, sizes=[2, 2], deadline_s=3)
            async with running(feed_env) as third:
                await until_shared(first, second, third, sizes=[1, 1, 2], deadline_s=3)
            await until_shared(first, second, sizes=[2, 2], deadline_s=3)
        await until_shared(first, sizes=[4], deadline_s=3)
        tokens = await pool.fetch("SELECT partition, fencing_token FROM partition_leases")
        assert max(row["fencing_token"] for row in tokens) > 1


async def test_more_processes_than_partitions_leave_some_without_and_ready(feed_env: Mapping[str, str]) -> None:
    async with AsyncExitStack() as stack:
        everyone = [await stack.enter_async_context(running(feed_env)) for _ in range(5)]
        await until_shared(*everyone, sizes=[1, 1, 1, 1, 0], deadline_s=5)
        assert [one.app.share.unavailable_reason for one in everyone] == [None] * 5


async def test_while_the_brokers_do_not_answer_the_process_is_not_ready_and_keeps_its_partitions(
    feed_env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_share, "TOPIC_LOOK_S", 0.0)
    monkeypatch.setattr(partition_share, "UNSEEN_S", 0.2)
    async with running(feed_env) as consumer:
        await until_shared(consumer, sizes=[4])
        describe = consumer.app.share._describe_topic  # noqa: SLF001 - the broker is everybody's, so it is not frozen

        async def silence(_: str) -> TopicDescription:
            raise TimeoutError

        consumer.app.share._describe_topic = silence  # noqa: SLF001
        await eventually(lambda: "do not answer" in (consumer.app.share.unavailable_reason or ""), NOTICED_S)
        assert len(partitions(consumer)) == 4
        consumer.app.share._describe_topic = describe  # noqa: SLF001
        await eventually(lambda: consumer.app.share.unavailable_reason is None, NOTICED_S)


@pytest.mark.partitions(1)
async def test_who_is_not_sure_of_its_lease_any_more_takes_in_but_commits_nothing(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event())])
    async with application(feed_env) as frozen:
        await eventually(frozen.take_in, 20)
        before = await committed(frozen, topics)
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event())])
        frozen.app.share._leased_at_s -= partition_share.PARTITION_LEASE_S  # noqa: SLF001 - as if so long ago
        await eventually(frozen.app.intake.run_once, 20)
        assert (before, await committed(frozen, topics)) == (1, 1)
        await frozen.take_in()
        assert await committed(frozen, topics) == 2
        await frozen.finish()


@pytest.mark.partitions(1)
async def test_what_was_deleted_before_it_was_read_is_told_with_its_range_counted_and_kept(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    values = [encoded(overlay_event()) for _ in range(3)]
    await send(stack.kafka_bootstrap_servers, topics.incoming, values)
    async with application(feed_env, MAX_IN_FLIGHT="1", FAIR_SHARES="false") as consumer:
        await eventually(consumer.take_in, 20)
        await consumer.finish()
    async with admin_of(stack) as admin:
        await admin.delete_records({TopicPartition(topics.incoming, 0): RecordsToDelete(3)})
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event())])
    with structlog.testing.capture_logs() as logs:
        async with application(feed_env) as consumer:
            await eventually(consumer.take_in, 20)
            await consumer.finish()
            assert consumer.metrics.registry.get_sample_value("instagram_feed_records_lost_total") == 2
    [told] = [line for line in logs if line["event"] == "partition.records_lost"]
    assert (told["log_level"], told["first_offset"], told["last_offset"], told["records"]) == ("error", 1, 2, 2)
    [gap] = await pool.fetch("SELECT partition, begin_offset, end_offset FROM intake_gaps")
    assert tuple(gap) == (0, 1, 3)


@pytest.mark.partitions(1)
async def test_what_is_deleted_under_a_reader_that_is_far_behind_is_told_too(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    async with application(feed_env) as consumer:
        await eventually(lambda: _reads(consumer), 20)
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(5)])
        async with admin_of(stack) as admin:
            await admin.delete_records({TopicPartition(topics.incoming, 0): RecordsToDelete(5)})
        consumer.resources.consumer.seek(TopicPartition(topics.incoming, 0), 0)  # drops what was fetched ahead
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event())])
        await eventually(consumer.take_in, 20)
        await consumer.finish()
        assert consumer.metrics.registry.get_sample_value("instagram_feed_records_lost_total") == 5
    assert await pool.fetchval("SELECT end_offset - begin_offset FROM intake_gaps") == 5


async def _reads(consumer: Application) -> bool:
    await consumer.take_in()
    return bool(partitions(consumer))


@pytest.mark.partitions(2)
async def test_no_partition_s_backlog_holds_up_another_partition(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    for partition in (0, 1):
        values = [encoded(overlay_event()) for _ in range(20)]
        await send(stack.kafka_bootstrap_servers, topics.incoming, values, partition=partition)
    async with application(feed_env, MAX_IN_FLIGHT="4", FAIR_SHARES="false") as consumer:
        await eventually(consumer.take_in, 20)
        await consumer.finish()
        for _ in range(3):
            await eventually(consumer.take_in, 20)
            await consumer.finish()
        taken = await pool.fetch("SELECT source_partition, count(*) FROM feed_requests GROUP BY 1")
        counts = {row["source_partition"]: row["count"] for row in taken}
        assert abs(counts[0] - counts[1]) <= 6


@pytest.mark.partitions(1)
async def test_lag_comes_to_nothing_behind_a_producer_with_transactions(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics
) -> None:
    """The mark that ends a transaction has an offset of its own, and no record behind it brings a poll."""
    producer = AIOKafkaProducer(
        bootstrap_servers=stack.kafka_bootstrap_servers, transactional_id=f"upstream-{topics.incoming}"
    )
    await producer.start()
    async with producer.transaction():
        await producer.send_and_wait(topics.incoming, encoded(overlay_event()))
    await producer.stop()
    async with application(feed_env) as consumer:
        await eventually(consumer.take_in, 20)

        async def nothing_left() -> bool:
            await consumer.take_in()
            partition = TopicPartition(topics.incoming, 0)
            ends = await consumer.resources.consumer.end_offsets([partition])
            return bool(await committed(consumer, topics) == ends[partition] == 2)

        await eventually(nothing_left, 10)
        await consumer.finish()


@pytest.mark.partitions(1)
async def test_added_partitions_are_read_within_ten_seconds(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    async with running(feed_env) as consumer:
        await until_shared(consumer, sizes=[1])
        async with admin_of(stack) as admin:
            await admin.create_partitions({topics.incoming: NewPartitions(total_count=3)})
        began_s = time.monotonic()
        await until_shared(consumer, sizes=[3])
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event())], partition=2)
        await eventually(lambda: count(pool, "feed_requests"), NOTICED_S)
        assert time.monotonic() - began_s < NOTICED_S


@pytest.mark.partitions(1)
async def test_a_topic_made_anew_is_read_from_its_beginning_within_ten_seconds(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    """Also when it has more records by then than the old one had, so that the old offset looks good."""
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(3)])
    async with running(feed_env) as consumer:

        async def known(number: int) -> bool:
            return await count(pool, "feed_requests") == number

        await eventually(lambda: known(3), 20)
        async with admin_of(stack) as admin:
            await admin.delete_topics([topics.incoming])

            async def made_anew() -> bool:
                answer = await admin.create_topics([NewTopic(topics.incoming, 1, 1)])
                return bool(answer.topic_errors[0][1] == 0)

            await eventually(made_anew, 20)
        began_s = time.monotonic()
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(8)])
        await eventually(lambda: known(11), NOTICED_S)
        assert time.monotonic() - began_s < NOTICED_S
        await eventually(lambda: _all_read(consumer, topics, 8), NOTICED_S)


async def _all_read(consumer: Application, topics: Topics, end: int) -> bool:
    return await committed(consumer, topics) == end


@pytest.mark.partitions(1)
async def test_beside_a_member_of_the_group_protocol_all_is_taken_in_and_committed_when_that_has_gone(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    """As in a rolling upgrade: the broker takes no commit from outside while the group has members."""
    old = AIOKafkaConsumer(
        topics.incoming,
        bootstrap_servers=stack.kafka_bootstrap_servers,
        group_id=feed_env["KAFKA_GROUP_ID"],
        enable_auto_commit=False,
    )
    await old.start()
    try:
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(3)])
        with structlog.testing.capture_logs() as logs:
            async with application(feed_env) as new:
                assert await eventually(new.take_in, 20) == 3
                assert await committed(new, topics) is None
                await old.stop()

                async def caught_up() -> bool:
                    await new.take_in()
                    return await committed(new, topics) == 3

                await eventually(caught_up, 20)
                await new.finish()
        told = [line["error"] for line in logs if line["event"] == "commit.failed"]
        assert told
        assert "KAFKA_GROUP_ID" in told[0]
        assert len(told) <= 4
    finally:
        await old.stop()


@pytest.mark.partitions(1)
async def test_an_event_that_the_database_refuses_is_dead_lettered_alone(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    await pool.execute("ALTER TABLE feed_requests ADD CONSTRAINT picky CHECK (tenant_id <> 'refused')")
    refused = overlay_event(tenant_id="refused")
    events = [overlay_event(), refused, overlay_event()]
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(event) for event in events])
    async with application(feed_env) as consumer:
        assert await eventually(consumer.take_in, 20) == 2
        await consumer.finish()
        assert await committed(consumer, topics) == 3
        assert consumer.app.in_flight.free == consumer.app.in_flight.slots
    [letter] = await read_all(stack.kafka_bootstrap_servers, topics.dead_letter)
    headers = {name: value.decode() for name, value in letter.headers}
    assert json.loads(letter.value)["overlay_id"] == refused["overlay_id"]
    assert (headers["dlq_reason"], headers["dlq_stage"]) == ("store_refused", "intake")
    assert "picky" in headers["dlq_detail"]


@pytest.mark.partitions(1)
async def test_what_one_group_took_in_no_other_group_finishes(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(2)])
    async with application(feed_env) as killed:
        assert await eventually(killed.take_in, 20) == 2
        await killed.app.dispatcher.cancel()
        await pool.execute("UPDATE feed_requests SET state = 'waiting', lease_owner = NULL, available_at = now()")
        async with application(feed_env, KAFKA_GROUP_ID="another") as other:
            assert await other.app.sweeper.run_once() == 0
            await pool.execute(
                "UPDATE feed_requests SET group_id = NULL WHERE ctid IN (SELECT min(ctid) FROM feed_requests)"
            )
            assert await other.app.sweeper.run_once() == 1
            await other.finish()
        async with application(feed_env) as same:
            assert await same.app.sweeper.run_once() == 1
            await same.finish()
