"""The figures of the charts add up to those of the reports."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from consumer.operations.reports.buckets import Bucket
from consumer.operations.reports.reading import read
from repository.operations import reports
from repository.operations.cost_without_post import cost_without_post
from repository.operations.report_charts import activity, breakdown, failures, shares
from repository.operations.report_scope import GroupBy, ReportScope
from repository.pool import Connection


@pytest.fixture
def scope(now: datetime) -> ReportScope:
    """The last twenty days of all tenants."""
    return ReportScope(since=now - timedelta(days=20))


@pytest.mark.parametrize("bucket", ["hour", "day", "week", "month", "year"])
async def test_posts_tokens_and_cost_over_time_are_those_of_the_whole(
    database: Connection, scope: ReportScope, bucket: Bucket
) -> None:
    [whole] = await reports.tokens(database, scope)
    spent = sum(row.spent_usd for row in await reports.cost(database, scope))

    over_time = await activity(database, scope, bucket=bucket)
    by_model = await shares(database, scope, GroupBy.MODEL, bucket=bucket)

    assert sum(one.posts for one in over_time) == sum(one.posts for one in by_model) == whole.request_count > 0
    assert sum(one.prompt_tokens + one.completion_tokens for one in over_time) == whole.total_tokens_sum
    assert sum(one.spent_usd for one in by_model) == spent


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Seoul"])
async def test_a_day_of_the_chart_is_the_day_of_the_report(
    database: Connection, scope: ReportScope, timezone: str
) -> None:
    scope = replace(scope, timezone=timezone)
    days = {row.date: row.request_count for row in await reports.daily_tokens(database, scope)}

    assert {one.begins.date(): one.posts for one in await activity(database, scope, bucket="day")} == days


@pytest.mark.parametrize("by", GroupBy)
async def test_groups_are_those_of_the_report_most_posts_first(
    database: Connection, scope: ReportScope, by: GroupBy
) -> None:
    groups = await breakdown(database, scope, by)

    told = [(row.group, row.total_count, row.p50_latency) for row in await reports.latency(database, scope, by)]
    assert [(group.group, group.posts, group.p50_ms) for group in groups] == told


async def test_failures_by_reason_are_the_failed_requests(database: Connection, scope: ReportScope) -> None:
    found = await failures(database, scope, bucket="day")

    rest = await cost_without_post(database, scope)
    [failed] = [row for row in rest if row.state == "failed"]
    assert sum(one.requests for one in found) == failed.request_count > 0
    assert sum((one.spent_usd for one in found), Decimal(0)) == failed.spent_usd
    assert {"llm_refused", "llm_truncated"} <= {one.reason for one in found}


@pytest.mark.parametrize(
    ("days", "timezone"), [(2, "UTC"), (20, "Asia/Seoul"), (400, "America/New_York"), (2_000, "UTC")]
)
async def test_every_bucket_that_has_posts_is_one_of_the_page(
    database: Connection, now: datetime, days: int, timezone: str
) -> None:
    scope = ReportScope(since=now - timedelta(days=days), timezone=timezone)

    reading = await read(database, scope, model=None, now=now)

    assert {share.begins for share in reading.shares} | set(reading.activity) <= set(reading.starts)
    assert sum(one.posts for one in reading.activity.values()) == reading.posts > 0
