"""Upstream's rows: which are missing, since when, and where none can be made in upstream's place."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from devstack.endpoints import Endpoints
from repository.available_requests import claim_available
from repository.errors import MissingReference
from repository.feeds import store
from repository.llm_models import find_active
from repository.pool import Connection, Pool, connection, open_pool
from repository.references import KEYS, missing_rows, unfillable_tables
from repository.requests import ClaimedRequest, postpone
from schemas.reasons import Reason
from tests.support.databases import fresh_database
from tests.support.examples import feed, new_request, postponement
from tests.support.ledger import LEASE_S, claim
from tests.support.waiting import eventually

RAISING_TRIGGER = """
    CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'secret'; END $$;
    CREATE TRIGGER no BEFORE INSERT ON jobs EXECUTE FUNCTION no()
"""


@pytest.fixture
async def own_pool(stack: Endpoints, migrated_template: str) -> AsyncIterator[Pool]:
    """A database whose tables the test may change."""
    async with fresh_database(stack.database_url, template=migrated_template) as url:
        pool = await open_pool(url, size=2, application_name="tests")
        yield pool
        pool.terminate()


async def unfillable(pool: Pool) -> dict[str, str]:
    async with connection(pool) as borrowed:
        return await unfillable_tables(borrowed)


async def test_it_is_told_whose_rows_upstream_has_not_committed(pool: Pool) -> None:
    job_id = uuid4()
    await pool.execute("INSERT INTO jobs (job_id) VALUES ($1)", job_id)
    both, without_job, only_overlay, none = await claim(
        pool, [new_request(job_id=job) for job in (job_id, None, uuid4(), job_id)]
    )
    rows = [(request.overlay_id,) for request in (both, without_job, only_overlay)]
    await pool.executemany("INSERT INTO overlay_layouts (overlay_id) VALUES ($1)", rows)
    async with connection(pool) as borrowed:
        missing = await missing_rows(borrowed, [both, without_job, only_overlay, none], tables=KEYS)
        only_overlays = await missing_rows(borrowed, [only_overlay, none], tables=["overlay_layouts"])
    assert {overlay_id: rows.tables for (overlay_id, _), rows in missing.items()} == {
        only_overlay.overlay_id: ("jobs",),
        none.overlay_id: ("overlay_layouts",),
    }
    assert list(only_overlays) == [(none.overlay_id, 1)]


async def test_the_wait_for_a_row_is_counted_from_when_it_was_first_missed(pool: Pool) -> None:
    [request] = await claim(pool, [new_request()])

    async def waited_s() -> float:
        async with connection(pool) as borrowed:
            [rows] = (await missing_rows(borrowed, [request], tables=KEYS)).values()
        return rows.waited_s

    assert await waited_s() == 0
    async with connection(pool) as borrowed:
        await postpone(borrowed, [postponement(request, reason=Reason.MISSING_REFERENCE)])
        [request] = await claim_available(borrowed, owner="process-1", lease_s=LEASE_S, limit=1)
        await postpone(borrowed, [postponement(request, reason=Reason.MISSING_REFERENCE)])

    async def waited() -> bool:
        return await waited_s() > 0.1

    await eventually(waited)

    async with connection(pool) as borrowed:
        [request] = await claim_available(borrowed, owner="process-1", lease_s=LEASE_S, limit=1)
        await postpone(borrowed, [postponement(request, reason=Reason.LLM_UNAVAILABLE)])
    assert await waited_s() == 0


async def test_where_upstream_wants_nothing_more_than_its_key_rows_can_be_made(own_pool: Pool) -> None:
    assert await unfillable(own_pool) == {}
    assert await own_pool.fetchval("SELECT count(*) FROM jobs") == 0


@pytest.mark.parametrize(
    ("change", "table", "reason"),
    [
        (
            "ALTER TABLE overlay_layouts ADD layout JSONB NOT NULL, ADD fonts TEXT NOT NULL",
            "overlay_layouts",
            "overlay_layouts.layout, overlay_layouts.fonts must not be NULL",
        ),
        (
            "ALTER TABLE jobs ADD CHECK (created_at IS NULL)",
            "jobs",
            'jobs: new row for relation "jobs" violates check constraint',
        ),
        (RAISING_TRIGGER, "jobs", "jobs: raised by no"),
        ("ALTER TABLE jobs ADD store UUID REFERENCES overlay_layouts DEFAULT gen_random_uuid()", "jobs", "jobs: "),
    ],
)
async def test_what_keeps_rows_from_being_made_is_named(own_pool: Pool, change: str, table: str, reason: str) -> None:
    await own_pool.execute(change)
    found = await unfillable(own_pool)
    assert list(found) == [table]
    assert found[table].startswith(reason)
    assert "secret" not in found[table]


async def test_a_row_that_is_there_is_stored_upon_whatever_upstream_wants_of_new_ones(own_pool: Pool) -> None:
    await own_pool.execute(
        "ALTER TABLE overlay_layouts ADD layout JSONB NOT NULL; ALTER TABLE jobs ADD t TEXT NOT NULL"
    )
    there, missing = await claim(own_pool, [new_request(), new_request()])
    await own_pool.execute("INSERT INTO overlay_layouts (overlay_id, layout) VALUES ($1, '{}')", there.overlay_id)
    await own_pool.execute("INSERT INTO jobs (job_id, t) VALUES ($1, 't')", there.job_id)
    async with connection(own_pool) as borrowed:
        model_id = (await find_active(borrowed, "gpt-4o-mini")).llm_model_id
        posts = [feed(there, model_id)]
        assert len(await store(borrowed, posts, ensure_references=True, relay_lease_s=LEASE_S)) == 1
    with pytest.raises(MissingReference, match="null value in column"):
        async with connection(own_pool) as borrowed:
            await store(borrowed, [feed(missing, model_id)], ensure_references=True, relay_lease_s=LEASE_S)


async def test_a_row_that_another_transaction_is_just_making_is_waited_for(own_pool: Pool) -> None:
    requests = await claim(own_pool, [new_request(job_id=None), new_request(job_id=None)])
    job_id = uuid4()

    async def stored(session: Connection, request: ClaimedRequest) -> int:
        post = feed(request, await session.fetchval("SELECT llm_model_id FROM llm_models LIMIT 1"), job_id=job_id)
        return len(await store(session, [post], ensure_references=True, relay_lease_s=LEASE_S))

    async with own_pool.acquire() as one, own_pool.acquire() as other:
        async with one.transaction():
            await stored(one, requests[0])
            await other.execute("SET lock_timeout = '200ms'")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await stored(other, requests[1])
        assert await stored(other, requests[1]) == 1
