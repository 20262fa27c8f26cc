"""The figures of each report are those of the seed's query, run word for word."""

from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from repository.operations import reports
from repository.operations.cost_without_post import cost_without_post
from repository.operations.report_scope import GroupBy, ReportScope, tenant_is_known
from repository.pool import Connection
from tests.support.seed_queries import SEED_QUERIES

TENANT = "test_tenant"


def scope(now: datetime, days: int, tenant: str | None = TENANT) -> ReportScope:
    return ReportScope(since=now - timedelta(days=days), tenant_id=tenant)


async def seed_rows(database: Connection, number: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await database.fetch(SEED_QUERIES[number])]


def seen_by_the_seed(rows: list[Any], seed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows cut to the seed's columns."""
    return [{name: asdict(row)[name] for name in seed[0]} for row in rows]


def as_floats(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose averages are float, as the reports give them; amounts of money stay what they are."""
    return [{name: float(value) if name.startswith("avg_") else value for name, value in row.items()} for row in rows]


def by_date_and_model(row: dict[str, Any]) -> tuple[date, str]:
    return row["date"], row["model_name"]


async def test_latency_is_query_4(database: Connection, now: datetime) -> None:
    seed = await seed_rows(database, "4")
    assert seed[0]["total_count"] > 0
    assert seen_by_the_seed(await reports.latency(database, scope(now, 7)), seed) == seed


async def test_tokens_is_query_5(database: Connection, now: datetime) -> None:
    seed = await seed_rows(database, "5")
    assert seen_by_the_seed(await reports.tokens(database, scope(now, 7)), seed) == as_floats(seed)


async def test_cost_is_query_6(database: Connection, now: datetime) -> None:
    seed = await seed_rows(database, "6")
    assert len(seed) > 1
    assert seen_by_the_seed(await reports.cost(database, scope(now, 7)), seed) == seed


async def test_daily_tokens_is_query_7(database: Connection, now: datetime) -> None:
    seed = await seed_rows(database, "7")
    assert len(seed) > 20
    assert seen_by_the_seed(await reports.daily_tokens(database, scope(now, 30)), seed) == as_floats(seed)


async def test_models_is_query_8_which_knows_no_tenant(database: Connection, now: datetime) -> None:
    seed = sorted(await seed_rows(database, "8"), key=lambda row: row["model_name"])
    rows = sorted(await reports.models(database, scope(now, 7, tenant=None)), key=lambda row: row.model_name)
    assert len(seed) == 5
    assert as_floats(seen_by_the_seed(rows, seed)) == as_floats(seed)


async def test_daily_models_is_query_9(database: Connection, now: datetime) -> None:
    seed = await seed_rows(database, "9")
    rows = seen_by_the_seed(await reports.daily_models(database, scope(now, 30)), seed)
    assert len(seed) > 20
    assert [(row["date"], row["daily_cost_usd"]) for row in rows] == [
        (row["date"], row["daily_cost_usd"]) for row in seed
    ]
    # the seed leaves open which of two equal costs is first
    assert sorted(rows, key=by_date_and_model) == sorted(seed, key=by_date_and_model)


BY_HAND = """
    SELECT feed.prompt_tokens, feed.completion_tokens, cached.tokens AS cached_tokens,
        model.prompt_token_cost_per_1m AS price, model.cached_prompt_token_cost_per_1m AS cached_price,
        model.completion_token_cost_per_1m AS completion_price
    FROM instagram_feeds AS feed
    JOIN llm_models AS model USING (llm_model_id)
    CROSS JOIN LATERAL (SELECT (feed.token_usage #>> '{prompt_tokens_details,cached_tokens}')::int AS tokens) AS cached
"""


async def test_what_was_spent_is_the_sum_of_fresh_cached_and_written_tokens_to_the_last_decimal(
    database: Connection, now: datetime
) -> None:
    rows = await database.fetch(BY_HAND)
    by_hand = sum(
        (
            (row["prompt_tokens"] - row["cached_tokens"]) * (row["price"] or 0)
            + row["cached_tokens"] * (row["cached_price"] or 0)
            + row["completion_tokens"] * (row["completion_price"] or 0)
            for row in rows
        ),
        Decimal(0),
    ) / Decimal(1_000_000)
    costs = await reports.cost(database, scope(now, 100, tenant=None))
    assert len(rows) == 6_000
    assert sum(row["cached_tokens"] for row in rows) > 0
    assert sum(cost.spent_usd for cost in costs) == by_hand > 0


async def test_a_price_of_today_moves_the_estimate_and_not_what_was_spent(database: Connection, now: datetime) -> None:
    before = await reports.cost(database, scope(now, 7))
    await database.execute("UPDATE llm_models SET prompt_token_cost_per_1m = prompt_token_cost_per_1m * 2")
    after = await reports.cost(database, scope(now, 7))
    spent = {row.model_name: row.spent_usd for row in before}
    assert {row.model_name: row.spent_usd for row in after} == spent
    assert [row.estimated_input_cost_usd for row in after] != [row.estimated_input_cost_usd for row in before]


BILL = """
    SELECT (SELECT sum(cost_usd) FROM instagram_feeds) + (SELECT sum(cost_usd) FROM feed_requests)
"""


async def test_with_failed_and_unfinished_requests_it_is_the_bill(database: Connection, now: datetime) -> None:
    posts = await reports.cost(database, scope(now, 100, tenant=None))
    rest = await cost_without_post(database, scope(now, 100, tenant=None))
    assert {(row.state, row.request_count) for row in rest} == {("failed", 108), ("unfinished", 12)}
    spent = sum(row.spent_usd for row in posts) + sum(row.spent_usd for row in rest)
    assert spent == await database.fetchval(BILL)


@pytest.mark.parametrize("by", [by for by in GroupBy if by is not GroupBy.DELIVERY])  # all of these posts are live
async def test_groups_add_up_to_the_whole(database: Connection, now: datetime, by: GroupBy) -> None:
    wanted = scope(now, 20, tenant=None)
    whole = (await reports.tokens(database, wanted))[0]
    groups = await reports.tokens(database, wanted, by)
    assert len({row.group for row in groups}) == len(groups) > 1
    assert sum(row.request_count for row in groups) == whole.request_count
    assert sum(row.total_tokens_sum or 0 for row in groups) == whole.total_tokens_sum
    assert sum(row.request_count for row in await reports.cost(database, wanted, by)) == whole.request_count


async def test_two_ranges_meet_without_overlap(database: Connection, now: datetime) -> None:
    middle = now - timedelta(days=10)
    counted = [
        (await reports.latency(database, wanted))[0].total_count
        for wanted in (
            ReportScope(since=middle - timedelta(days=5), until=middle),
            ReportScope(since=middle),
            ReportScope(since=middle - timedelta(days=5)),
        )
    ]
    assert counted[0] + counted[1] == counted[2]
    assert min(counted) > 0


async def test_a_day_begins_at_midnight_of_the_timezone(database: Connection, now: datetime) -> None:
    evening = now.replace(hour=16, minute=0, second=0, microsecond=0) - timedelta(days=5)
    an_hour = ReportScope(since=evening, until=evening + timedelta(hours=1))  # already the next day in Seoul
    [utc] = await reports.daily_tokens(database, an_hour)
    [seoul] = await reports.daily_tokens(database, replace(an_hour, timezone="Asia/Seoul"))
    assert seoul.date - utc.date == timedelta(days=1)


async def test_nothing_in_the_range_is_no_error(database: Connection) -> None:
    nothing = ReportScope(since=datetime(2020, 1, 1, tzinfo=UTC), until=datetime(2020, 1, 2, tzinfo=UTC))
    [latency] = await reports.latency(database, nothing)
    assert (latency.total_count, latency.avg_latency) == (0, None)
    assert await reports.cost(database, nothing) == []
    assert await cost_without_post(database, nothing) == []


async def test_a_tenant_is_known_by_its_posts_or_its_requests(database: Connection) -> None:
    await database.execute("UPDATE feed_requests SET tenant_id = 'never-served' WHERE tenant_id = 'store-7'")
    assert await tenant_is_known(database, "store-7")
    assert await tenant_is_known(database, "never-served")
    assert not await tenant_is_known(database, "store-77")
