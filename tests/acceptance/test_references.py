"""Nothing is paid for an overlay whose rows upstream must commit and has not: it waits, as long as it may.

With REFERENCE_ROWS=require that is every row, with `ensure` one that cannot be made in upstream's place.
"""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from devstack.endpoints import Endpoints
from repository import migrations
from tests.support.databases import fresh_database
from tests.support.kafka_records import encoded, overlay_event
from tests.support.ledger_rows import query
from tests.support.service import Service, lasting_service
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"REFERENCE_ROWS": "require", "RETRY_BASE_S": "0.1", "RETRY_MAX_S": "0.5", "REFERENCE_WAIT_S": "4"}

# The upstream pipeline's own tables, as a platform may have them before this program comes.
PLATFORM = """
    CREATE TABLE jobs (
        job_id UUID PRIMARY KEY,
        tenant_id VARCHAR(255) NOT NULL,
        status VARCHAR(50) NOT NULL DEFAULT 'queued',
        created_at TIMESTAMPTZ DEFAULT now()
    );
    CREATE TABLE overlay_layouts (
        overlay_id UUID PRIMARY KEY,
        job_id UUID REFERENCES jobs (job_id),
        layout JSONB NOT NULL,
        created_at TIMESTAMPTZ DEFAULT now()
    );
"""
INSERT_JOB = "INSERT INTO jobs (job_id, tenant_id) VALUES ($1::uuid, 'store')"
INSERT_OVERLAY = "INSERT INTO overlay_layouts (overlay_id, layout) VALUES ($1::uuid, '{}')"


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
    assert (request["state"], request["last_error_reason"], request["attempts"]) == ("failed", "missing_reference", 0)
    waited_s = (request["finished_at"] - request["created_at"]).total_seconds()
    assert waited_s >= float(SETTINGS["REFERENCE_WAIT_S"])
    assert (request["llm_calls"], await requiring.calls(overlay_id)) == (0, [])
    assert len(await requiring.announced(requiring.topics.failed, overlay_id)) == 1


async def test_an_event_without_job_needs_none(requiring: Service) -> None:
    event = overlay_event(job_id=None)
    await commit_upstream(requiring, event, "overlay_layouts")
    await requiring.send(encoded(event))
    assert (await requiring.feed(str(event["overlay_id"])))["job_id"] is None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_platform(stack: Endpoints) -> AsyncIterator[Service]:
    """A consumer that may make rows, on a platform whose tables let it make none."""
    async with fresh_database(stack.database_url) as template:
        session = await asyncpg.connect(template)
        await session.execute(PLATFORM)
        await session.close()
        await migrations.upgrade(template)
        async with lasting_service(stack, template, {**SETTINGS, "REFERENCE_ROWS": "ensure"}) as service:
            yield service


async def test_rows_that_upstream_has_written_need_not_be_made(on_platform: Service) -> None:
    event = overlay_event()
    await query(on_platform.env["DATABASE_URL"], INSERT_JOB, event["job_id"])
    await query(on_platform.env["DATABASE_URL"], INSERT_OVERLAY, event["overlay_id"])
    await on_platform.send(encoded(event))
    await on_platform.feed(str(event["overlay_id"]))


async def test_an_event_whose_row_cannot_be_made_waits_for_it_unpaid_and_the_column_is_named(
    on_platform: Service,
) -> None:
    event = overlay_event(job_id=None)
    overlay_id = str(event["overlay_id"])
    await on_platform.send(encoded(event))

    async def put_off() -> str | None:
        rows = await on_platform.rows("feed_requests", overlay_id)
        return rows[0]["last_error_detail"] if rows else None

    assert "overlay_layouts.layout must not be NULL" in str(await eventually(put_off))
    assert await on_platform.calls(overlay_id) == []
    await query(on_platform.env["DATABASE_URL"], INSERT_OVERLAY, overlay_id)
    await on_platform.feed(overlay_id)
    assert len(await on_platform.calls(overlay_id)) == 1
    [told] = on_platform.consumer.events("references.unfillable")
    assert told["tables"]["overlay_layouts"] == "overlay_layouts.layout must not be NULL"
    assert told["tables"]["jobs"] == "jobs.tenant_id must not be NULL"
