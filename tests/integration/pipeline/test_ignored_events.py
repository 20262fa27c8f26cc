"""Skipped records are counted where `doctor` and `report` find them, and logged now and then."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from consumer.operations.doctor.ignored_events import examine_ignored
from consumer.operations.status.group_status import look
from consumer.pipeline.flood_limit import IGNORED, Flood, FloodLimit
from consumer.pipeline.ignored_events import AGAIN_S, LOG_INTERVAL_S, Ignored, IgnoredEvents
from consumer.settings import KafkaSettings
from consumer.telemetry.metrics import Metrics
from repository.operations.ignored_days import IgnoredDay, ignored_days
from repository.pool import Pool, connection, open_pool
from schemas.event_types import DEFAULT_EVENT_TYPES
from tests.support.examples import source_record


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, size=2, application_name="tests")
    yield pool
    await pool.close()


def ignored(event_type: str, offset: int) -> Ignored:
    return Ignored(source_record(b"{}", partition=2, offset=offset), event_type)


def counted(metrics: Metrics, event_type: str) -> float:
    return metrics.registry.get_sample_value("instagram_feed_events_ignored_total", {"event_type": event_type}) or 0.0


async def days(pool: Pool) -> list[IgnoredDay]:
    async with connection(pool) as borrowed:
        return await ignored_days(borrowed, since=datetime.now(UTC).date())


async def test_they_are_counted_by_type_with_the_place_of_the_last(pool: Pool) -> None:
    metrics = Metrics()
    events = IgnoredEvents(pool, metrics, limit=FloodLimit(IGNORED, 500, 0.5))
    await events.note([ignored("overlay.started", 4), ignored("overlay.failed", 5)], accepted=[False, False])
    await events.note([ignored("overlay.started", 9)], accepted=[True, False])
    found = {day.event_type: (day.records, day.last_place.rpartition("/")[2]) for day in await days(pool)}
    assert found == {"overlay.started": (2, "9"), "overlay.failed": (1, "5")}
    assert counted(metrics, "overlay.started") == 2


async def test_each_type_is_logged_at_once_and_then_once_a_minute(pool: Pool) -> None:
    clock = itertools.count(0.0, LOG_INTERVAL_S / 3)
    events = IgnoredEvents(pool, Metrics(), limit=FloodLimit(IGNORED, 500, 0.5), clock=lambda: next(clock))
    with capture_logs() as lines:
        for offset in range(7):
            await events.note([ignored("overlay.started", offset)], accepted=[False])
    assert [(line["event"], line["records"], line["offset"]) for line in lines] == [
        ("event.ignored", 1, 0),
        ("event.ignored", 3, 3),
        ("event.ignored", 3, 6),
    ]
    assert lines[0]["OVERLAY_EVENT_TYPES"] == "overlay.completed"


async def test_doctor_says_which_setting_has_a_type_taken_that_nearly_is_one(pool: Pool) -> None:
    events = IgnoredEvents(pool, Metrics(), limit=FloodLimit(IGNORED, 500, 0.5))
    await events.note([ignored("OverlayCompleted", 4), ignored("overlay.failed", 5)], accepted=[False, False])
    async with connection(pool) as borrowed:
        [finding] = [one async for one in examine_ignored(borrowed, DEFAULT_EVENT_TYPES)]
        status = await look(borrowed, KafkaSettings(kafka_bootstrap_servers="127.0.0.1:1"))
    assert "set OVERLAY_EVENT_TYPES=overlay.completed,OverlayCompleted, and" in (finding.advice or "")
    assert status.ignored == {"OverlayCompleted": 1, "overlay.failed": 1}


async def test_while_somebody_has_a_count_locked_they_are_kept_and_counted_later(pool: Pool) -> None:
    now_s = [0.0]
    events = IgnoredEvents(pool, Metrics(), limit=FloodLimit(IGNORED, 500, 0.5), clock=lambda: now_s[0])
    await events.note([ignored("overlay.started", 4)], accepted=[False])
    async with connection(pool) as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM feed_ignored_events FOR UPDATE")
        async with asyncio.timeout(5):
            for offset in (5, 6):
                await events.note([ignored("overlay.started", offset)], accepted=[False])
    now_s[0] += AGAIN_S
    await events.note([], accepted=[True])
    [day] = await days(pool)
    assert (day.records, day.last_place.rpartition("/")[2]) == (3, "6")


async def test_a_flood_of_them_is_refused_uncounted_and_names_the_types(pool: Pool) -> None:
    events = IgnoredEvents(pool, Metrics(), limit=FloodLimit(IGNORED, 2, 1.0))
    with pytest.raises(Flood, match=r"IGNORED_MAX_RUN.*overlay\.started at .*/2/6"):
        await events.note([ignored("overlay.started", offset) for offset in (4, 5, 6)], accepted=[False] * 3)
    assert await days(pool) == []
