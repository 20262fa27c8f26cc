"""What became of posts, from the topic into the table: each once, corrections in, unknown posts out with a reason."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
import structlog

from bench.topics import existing_topics
from devstack.endpoints import Endpoints
from repository.operations.outcome_report import outcomes
from repository.operations.report_scope import GroupBy, ReportScope
from repository.pool import Pool, connection, open_pool
from tests.support.application import Application, application
from tests.support.kafka_records import read_all, send
from tests.support.outcomes import outcome_event, store_posts
from tests.support.service import texts_of
from tests.support.topics import Topics
from tests.support.waiting import eventually

DEADLINE_S = 20.0
EVENTS, POSTS, TENANTS = 10_000, 500, 10
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
async def pool(feed_env: Mapping[str, str]) -> AsyncIterator[Pool]:
    """Connections to the database of the test's applications."""
    pool = await open_pool(feed_env["DATABASE_URL"], size=2, application_name="tests")
    yield pool
    await pool.close()


async def take_in(consumer: Application, records: int) -> None:
    """Drive the intake of outcomes until it has taken so many records."""
    taken = 0

    async def enough() -> bool:
        nonlocal taken
        taken += await consumer.app.feed_outcomes.run_once()
        return taken >= records

    await eventually(enough, DEADLINE_S)


def moment(place: int) -> str:
    return (BEGIN + timedelta(seconds=place)).isoformat()


async def send_outcomes(stack: Endpoints, topics: Topics, events: Sequence[Mapping[str, object]]) -> None:
    await send(stack.kafka_bootstrap_servers, topics.outcome, [json.dumps(event).encode() for event in events])


async def test_ten_thousand_events_late_twice_corrected_and_of_unknown_posts_come_to_what_a_hand_would_count(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    draw = random.Random(13)
    posts = await store_posts(pool, {f"tenant-{number}": POSTS // TENANTS for number in range(TENANTS)})
    tenant_of = {post: tenant for tenant, ids in posts.items() for post in ids}
    distinct = round(EVENTS / 1.2)
    unknown = [outcome_event(uuid4()) for _ in range(round(EVENTS * 0.05))]
    corrections = round(EVENTS * 0.1)
    known = [
        outcome_event(draw.choice(list(tenant_of)), metric=draw.choice(["likes", "saves"]), value=draw.randint(0, 900))
        for _ in range(distinct - len(unknown) - corrections)
    ]
    # all distinct in time, so that it is sure which is the latest
    for place, event in enumerate(known):
        event["occurred_at"] = moment(place)
    corrected = [
        {**event, "event_id": str(uuid4()), "value": draw.randint(0, 900), "occurred_at": moment(EVENTS + place)}
        for place, event in enumerate(draw.sample(known, corrections))
    ]
    events = known + corrected + unknown
    events += draw.choices(events, k=EVENTS - len(events))
    draw.shuffle(events)

    latest: dict[tuple[UUID, str], tuple[str, int]] = {}
    for event in known + corrected:
        key = UUID(str(event["instagram_feed_id"])), str(event["metric"])
        latest[key] = max(latest.get(key, ("", 0)), (str(event["occurred_at"]), int(str(event["value"]))))
    expected: dict[tuple[str, str], list[int]] = {}
    for (post, metric), (_, value) in latest.items():
        expected.setdefault((tenant_of[post], metric), []).append(value)

    await send_outcomes(stack, topics, events)
    async with application(feed_env) as consumer:
        await take_in(consumer, EVENTS)

    async with connection(pool) as borrowed:
        rows = await outcomes(borrowed, ReportScope(since=datetime(2000, 1, 1, tzinfo=UTC)), GroupBy.TENANT)
    assert {(row.group, row.metric): (row.posts, row.total) for row in rows} == {
        key: (len(values), Decimal(sum(values))) for key, values in expected.items()
    }
    letters = texts_of(await read_all(stack.kafka_bootstrap_servers, topics.dead_letter))
    sent_of_unknown = Counter(event["event_id"] for event in events)
    assert len(letters) == sum(sent_of_unknown[event["event_id"]] for event in unknown)
    assert {letter["dlq_reason"] for letter in letters} == {"unknown_post"}
    assert {letter["dlq_original_topic"] for letter in letters} == {topics.outcome}


async def test_a_post_is_named_by_overlay_and_revision_too_and_without_one_it_is_the_newest(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    [first] = (await store_posts(pool, {"tenant": 1}))["tenant"]
    overlay_id = await pool.fetchval("SELECT overlay_id FROM instagram_feeds")
    [second] = (await store_posts(pool, {"tenant": 1}, overlay_id=overlay_id, revision=2))["tenant"]
    events = [
        outcome_event(None, overlay_id=str(overlay_id), metric="newest"),
        outcome_event(None, overlay_id=str(overlay_id), revision=1, metric="first"),
        outcome_event(None, overlay_id=str(overlay_id), revision=3, metric="third"),
        outcome_event(first, overlay_id=str(uuid4()), metric="another_overlay"),
    ]
    await send_outcomes(stack, topics, events)
    async with application(feed_env) as consumer:
        await take_in(consumer, len(events))
    rows = await pool.fetch("SELECT metric, instagram_feed_id, revision FROM feed_outcomes ORDER BY revision")
    assert [tuple(row) for row in rows] == [("first", first, 1), ("newest", second, 2)]
    assert len(await read_all(stack.kafka_bootstrap_servers, topics.dead_letter)) == 2


async def test_what_is_no_outcome_is_dead_lettered_with_its_fields_named(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    [post] = (await store_posts(pool, {"tenant": 1}))["tenant"]
    wrong = outcome_event(post, metric="Likes", value="many")
    await send_outcomes(stack, topics, [outcome_event(post), wrong])
    async with application(feed_env) as consumer:
        await take_in(consumer, 2)
    [letter] = texts_of(await read_all(stack.kafka_bootstrap_servers, topics.dead_letter))
    assert letter["dlq_reason"] == "invalid_event"
    assert letter["dlq_detail"] == "metric must be 1 to 64 of a-z, 0-9 and _; value Input should be a valid number"
    assert await pool.fetchval("SELECT count(*) FROM feed_outcomes") == 1


async def test_nothing_is_read_twice_after_a_restart_and_what_comes_again_counts_once(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, pool: Pool
) -> None:
    [post] = (await store_posts(pool, {"tenant": 1}))["tenant"]
    event = outcome_event(post)
    await send_outcomes(stack, topics, [event])
    async with application(feed_env) as consumer:
        await take_in(consumer, 1)
        await consumer.app.feed_outcomes.leave()
    await send_outcomes(stack, topics, [event])
    async with application(feed_env) as consumer:
        await take_in(consumer, 1)
        found = consumer.metrics.messaging.outcome_events.labels("duplicate")._value.get()  # noqa: SLF001 - as scraped
    assert found == 1
    assert await pool.fetchval("SELECT count(*) FROM feed_outcomes") == 1


async def test_without_the_topic_posts_are_written_and_outcomes_are_read_once_there_is_one(
    stack: Endpoints, feed_env: Mapping[str, str], pool: Pool
) -> None:
    later = f"outcome.{uuid4().hex[:12]}"
    with structlog.testing.capture_logs() as lines:
        async with application(feed_env, FEED_OUTCOME_TOPIC=later) as consumer:
            assert await consumer.app.feed_outcomes.run_once() == 0
            await consumer.take_in()
            assert consumer.app.intake.unavailable_reason is consumer.app.share.unavailable_reason is None
            async with existing_topics(stack.kafka_bootstrap_servers, [later], partitions=1):
                [post] = (await store_posts(pool, {"tenant": 1}))["tenant"]
                await send(stack.kafka_bootstrap_servers, later, [json.dumps(outcome_event(post)).encode()])
                await take_in(consumer, 1)
    assert [line["topic"] for line in lines if line["event"] == "outcomes.no_topic"] == [later]
    assert await pool.fetchval("SELECT count(*) FROM feed_outcomes") == 1


async def test_a_flood_of_what_is_no_outcome_ends_the_reading_and_not_the_program(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics
) -> None:
    await send(stack.kafka_bootstrap_servers, topics.outcome, [b"?"] * 20, partition=0)
    with structlog.testing.capture_logs() as lines:
        async with application(feed_env, DEAD_LETTER_MAX_RUN="10") as consumer, asyncio.timeout(DEADLINE_S):
            await consumer.app.feed_outcomes.run(asyncio.Event())
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["outcomes.ended"]
