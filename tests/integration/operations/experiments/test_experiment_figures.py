"""What an experiment's comparison is made of, counted by hand."""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from consumer.operations.experiments.figures import read_figures
from repository.experiments import experiments_by_id
from repository.operations.experiment_figures import (
    ArmCounts,
    LeftOut,
    arm_counts,
    earlier_means,
    left_out,
    outcome_sums,
    post_sums,
)
from repository.operations.experiment_spending import arm_spending
from repository.pool import Pool, connection
from tests.support.outcomes import run_experiment, store_outcomes_of, store_posts
from tests.support.waiting import eventually

NOW = datetime.now(UTC)
DAY, WEEK = timedelta(days=1), timedelta(days=7)


@pytest.fixture
async def experiment_id(pool: Pool) -> UUID:
    return await run_experiment(pool, "tone", "plain", "warm")


async def stored(pool: Pool, experiment_id: UUID, variant: str, tenant: str, count: int = 1) -> list[UUID]:
    posts = await store_posts(pool, {tenant: count}, experiment_id=experiment_id, variant=variant)
    return posts[tenant]


async def test_overlays_are_counted_by_variant_and_tenant(pool: Pool, experiment_id: UUID) -> None:
    [first, *_] = await stored(pool, experiment_id, "plain", "a", 3)
    [by_batch, _] = await stored(pool, experiment_id, "warm", "a", 2)
    await pool.execute("UPDATE instagram_feeds SET delivery = 'batch' WHERE instagram_feed_id = $1", by_batch)
    for state, count in (("failed", 2), ("waiting", 1)):
        await store_posts(pool, {"b": count}, experiment_id=experiment_id, variant="warm", state=state)
    await store_posts(pool, {"a": 9})
    await store_outcomes_of(pool, {first: 1}, occurred_at=NOW)
    async with connection(pool) as borrowed:
        assert await arm_counts(borrowed, experiment_id, mature=None) == [
            ArmCounts(variant="plain", tenant_id="a", assigned=3, stored=3, failed=0, with_outcome=1, by_batch=0),
            ArmCounts(variant="warm", tenant_id="a", assigned=2, stored=2, failed=0, with_outcome=0, by_batch=1),
            ArmCounts(variant="warm", tenant_id="b", assigned=3, stored=0, failed=2, with_outcome=0, by_batch=0),
        ]


async def test_overlays_of_two_arms_or_restored_by_hand_are_left_out_and_counted(
    pool: Pool, experiment_id: UUID
) -> None:
    kept, mixed, restored = await stored(pool, experiment_id, "plain", "a", 3)
    overlays = {
        row["instagram_feed_id"]: row["overlay_id"]
        for row in await pool.fetch("SELECT instagram_feed_id, overlay_id FROM instagram_feeds")
    }
    await store_posts(
        pool, {"a": 1}, overlay_id=overlays[mixed], revision=2, experiment_id=experiment_id, variant="warm"
    )
    await store_posts(pool, {"a": 1}, overlay_id=overlays[restored], revision=2)
    await pool.execute(
        "UPDATE feed_requests SET origin = 'restore' WHERE overlay_id = $1 AND revision = 2", overlays[restored]
    )
    await store_outcomes_of(pool, {kept: 5, mixed: 50, restored: 500}, occurred_at=NOW)
    async with connection(pool) as borrowed:
        assert await left_out(borrowed, experiment_id, mature=None) == LeftOut(
            more_than_one_arm=1, restored_by_hand=1, too_young=0, published_when_unknown=0
        )
        [sums] = await outcome_sums(borrowed, experiment_id, mature=None)
    assert (sums.n, sums.total) == (1, 5)


async def test_sums_are_of_the_latest_figures_of_the_newest_revision_that_has_some(
    pool: Pool, experiment_id: UUID
) -> None:
    first, second, third = await stored(pool, experiment_id, "plain", "a", 3)
    await store_outcomes_of(pool, {first: 1, second: 20, third: 0}, occurred_at=NOW - DAY)
    await store_outcomes_of(pool, {first: 3}, occurred_at=NOW)
    await store_outcomes_of(pool, {first: 2}, occurred_at=NOW - DAY / 2)
    overlay_id = await pool.fetchval("SELECT overlay_id FROM instagram_feeds WHERE instagram_feed_id = $1", second)
    [newer] = (
        await store_posts(
            pool, {"a": 1}, overlay_id=overlay_id, revision=2, experiment_id=experiment_id, variant="plain"
        )
    )["a"]
    await store_outcomes_of(pool, {newer: 7}, occurred_at=NOW - 2 * DAY)
    async with connection(pool) as borrowed:
        [sums] = await outcome_sums(borrowed, experiment_id, mature=None)
    assert (sums.metric, sums.variant, sums.tenant_id) == ("likes", "plain", "a")
    assert (sums.n, sums.total, sums.squares, sums.lowest) == (3, 3 + 7 + 0, 9 + 49, 0)
    logs = [math.log(4), math.log(8), 0]
    assert (sums.log_total, sums.log_squares) == pytest.approx((sum(logs), sum(log**2 for log in logs)))


async def test_at_a_fixed_age_later_figures_do_not_count_and_young_posts_wait(pool: Pool, experiment_id: UUID) -> None:
    old, young, unpublished = await stored(pool, experiment_id, "plain", "a", 3)
    await store_outcomes_of(pool, {old: 5}, occurred_at=NOW - 5 * DAY, published_at=NOW - 10 * DAY)
    await store_outcomes_of(pool, {old: 9}, occurred_at=NOW - DAY)
    await store_outcomes_of(pool, {young: 6}, occurred_at=NOW - DAY, published_at=NOW - 2 * DAY)
    await store_outcomes_of(pool, {unpublished: 7}, occurred_at=NOW - DAY)
    async with connection(pool) as borrowed:
        [now] = await outcome_sums(borrowed, experiment_id, mature=None)
        [at_a_week] = await outcome_sums(borrowed, experiment_id, mature=WEEK)
        waiting = await left_out(borrowed, experiment_id, mature=WEEK)
        [counts] = await arm_counts(borrowed, experiment_id, mature=WEEK)
    assert (now.total, at_a_week.total, at_a_week.n) == (9 + 6 + 7, 5, 1)
    assert (waiting.too_young, waiting.published_when_unknown, counts.with_outcome) == (1, 1, 1)


async def test_the_earlier_mean_is_of_the_tenants_posts_before_the_start(pool: Pool, experiment_id: UUID) -> None:
    await stored(pool, experiment_id, "plain", "a")
    before = (await store_posts(pool, {"a": 2, "b": 1}, created_at=NOW - 10 * DAY))["a"]
    [long_ago] = (await store_posts(pool, {"a": 1}, created_at=NOW - 200 * DAY))["a"]
    await store_outcomes_of(pool, {before[0]: 10, before[1]: 20, long_ago: 900}, occurred_at=NOW)
    async with connection(pool) as borrowed:
        [known] = await earlier_means(borrowed, experiment_id, started_at=NOW, mature=None)
    assert (known.tenant_id, known.metric, known.posts, known.mean) == ("a", "likes", 2, 15)
    assert known.log_mean == pytest.approx((math.log(11) + math.log(21)) / 2)


async def test_what_posts_took_is_of_the_first_one_and_cost_is_of_failures_too(pool: Pool, experiment_id: UUID) -> None:
    await stored(pool, experiment_id, "plain", "a", 2)
    await store_posts(pool, {"a": 1}, experiment_id=experiment_id, variant="plain", state="failed")
    await pool.execute("UPDATE feed_requests SET prompt_tokens = 1000, completion_tokens = 200")
    async with connection(pool) as borrowed:
        found = {one.metric: one for one in await post_sums(borrowed, experiment_id)}
    assert {metric: one.n for metric, one in found.items()} == {
        "caption_length": 2,
        "cost_usd": 3,
        "latency_ms": 2,
        "repair_calls": 2,
        "total_tokens": 2,
        "uncached_cost_usd": 2,
    }
    assert found["cost_usd"].total == pytest.approx(0.003)
    assert found["uncached_cost_usd"].total == pytest.approx(2 * (1000 * 0.15 + 200 * 0.6) / 1e6)
    assert (found["latency_ms"].total, found["caption_length"].total) == (1800, 14)


async def test_what_overlays_cost_is_told_with_and_without_those_that_failed(pool: Pool, experiment_id: UUID) -> None:
    await stored(pool, experiment_id, "plain", "a", 2)
    await store_posts(pool, {"a": 1}, experiment_id=experiment_id, variant="plain", state="failed")
    await store_posts(pool, {"a": 1}, experiment_id=experiment_id, variant="plain", state="waiting")
    [unknown] = await stored(pool, experiment_id, "plain", "a")
    await pool.execute(
        "UPDATE feed_requests SET cost_usd = NULL WHERE overlay_id ="
        " (SELECT overlay_id FROM instagram_feeds WHERE instagram_feed_id = $1)",
        unknown,
    )
    async with connection(pool) as borrowed:
        [found] = await arm_spending(borrowed, experiment_id)
    assert (found.variant, found.tenant_id, found.decided, found.stored) == ("plain", "a", 3, 2)
    assert (found.total, found.squares, found.total_of_stored) == pytest.approx((0.003, 3e-6, 0.002))


async def test_what_is_stored_while_a_report_is_read_is_in_none_of_its_figures(pool: Pool, experiment_id: UUID) -> None:
    await stored(pool, experiment_id, "plain", "a", 2)
    async with connection(pool) as reading, connection(pool) as writing:
        experiment = (await experiments_by_id(reading, [experiment_id]))[experiment_id]
        async with writing.transaction():
            # a table that the second statement of the report is the first to read
            await writing.execute("LOCK TABLE llm_calls IN ACCESS EXCLUSIVE MODE")
            report = asyncio.create_task(read_figures(reading, experiment, now=NOW))
            waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'llm_calls'::regclass AND NOT granted"
            await eventually(lambda: writing.fetchval(waiting))
            await writing.execute("UPDATE feed_requests SET cost_usd = 7")
            await writing.execute("DELETE FROM instagram_feeds")
        figures = await report
    [counts] = figures.counts
    sums = {one.metric: one for one in figures.of_posts}
    assert counts.stored == sums["latency_ms"].n == 2
    assert sums["cost_usd"].total == figures.spending[0].total == pytest.approx(0.002)


async def test_of_an_experiment_without_overlays_nothing_is_read(pool: Pool) -> None:
    nobody = uuid4()
    async with connection(pool) as borrowed:
        assert await arm_counts(borrowed, nobody, mature=WEEK) == []
        assert await outcome_sums(borrowed, nobody, mature=WEEK) == await post_sums(borrowed, nobody) == []
        assert (await left_out(borrowed, nobody, mature=WEEK)).too_young == 0
