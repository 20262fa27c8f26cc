"""REFERENCE_ROWS=require: nothing is paid for an overlay whose rows upstream has not committed."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devstack.endpoints import Endpoints
from tests.support.kafka_records import encoded, overlay_event
from tests.support.ledger_rows import query
from tests.support.service import Service, lasting_service
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"REFERENCE_ROWS": "require", "RETRY_BASE_S": "0.1", "RETRY_MAX_S": "0.5", "MAX_ATTEMPTS": "3"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def requiring(stack: Endpoints, migrated_template: str) -> AsyncIterator[Service]:
    """A consumer that waits for upstream."""
    async with lasting_service(stack, migrated_template, SETTINGS) as service:
        yield service


async def commit_upstream(service: Service, event: dict[str, object], *tables: str) -> None:
    """Have upstream's rows of an event."""
    for table, column in (("jobs", "job_id"), ("overlay_layouts", "overlay_id")):
        if table in tables:
            insert = f"INSERT INTO {table} ({column}) VALUES ($1::uuid)"
            await query(service.env["DATABASE_URL"], insert, event[column])


async def test_an_event_whose_rows_are_there_is_processed_at_once(requiring: Service) -> None:
    event = overlay_event()
    await commit_upstream(requiring, event, "jobs", "overlay_layouts")
    await requiring.send(encoded(event))
    await requiring.feed(str(event["overlay_id"]))
    assert (await requiring.ended(str(event["overlay_id"])))["attempts"] == 0


async def test_an_event_that_comes_before_its_rows_waits_for_them(requiring: Service) -> None:
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await requiring.send(encoded(event))

    async def put_off() -> bool:
        rows = await requiring.rows("feed_requests", overlay_id)
        return [(row["state"], row["last_error_reason"]) for row in rows] == [("waiting", "missing_reference")]

    await eventually(put_off)
    assert await requiring.calls(overlay_id) == []
    await commit_upstream(requiring, event, "jobs", "overlay_layouts")
    await requiring.feed(overlay_id)
    assert len(await requiring.calls(overlay_id)) == 1


@pytest.mark.parametrize("committed", [(), ("jobs",), ("overlay_layouts",)])
async def test_an_event_whose_rows_never_come_fails_without_a_call(
    requiring: Service, committed: tuple[str, ...]
) -> None:
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await commit_upstream(requiring, event, *committed)
    await requiring.send(encoded(event))
    request = await requiring.ended(overlay_id)
    assert (request["state"], request["last_error_reason"], request["attempts"]) == ("failed", "missing_reference", 3)
    assert (request["llm_calls"], await requiring.calls(overlay_id)) == (0, [])
    assert len(await requiring.announced(requiring.topics.failed, overlay_id)) == 1


async def test_an_event_without_job_needs_none(requiring: Service) -> None:
    event = overlay_event(job_id=None)
    await commit_upstream(requiring, event, "overlay_layouts")
    await requiring.send(encoded(event))
    assert (await requiring.feed(str(event["overlay_id"])))["job_id"] is None
