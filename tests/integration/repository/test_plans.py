"""No statement on the way of an event reads a whole table, however many posts there are."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from itertools import cycle
from typing import Any

import pytest
import pytest_asyncio
from asyncpg.connection import LoggedQuery

from bench.filled_database import fill_with_feeds
from repository import available_requests, feeds, leases, llm_calls, outbox, references, reopened_requests, requests
from repository.llm_models import find_active
from repository.pool import Connection, Pool, connection, open_pool
from repository.requests import ClaimedRequest
from tests.support.examples import failure, feed, new_request, postponement
from tests.support.ledger import EXPIRED_S, claim

FEEDS = 20_000
# What gathers while a statement runs. Hundreds at once would rightly be joined by reading so small a table.
BATCH = 100
FEW = 20
GROWING_TABLES = {"llm_calls", "feed_requests", "instagram_feeds", "outbox_events", "jobs", "overlay_layouts"}
RELAY_LEASE_S = 30.0

CALLS_KEPT = """
    INSERT INTO llm_calls (overlay_id, revision, fencing_token, call_number, llm_model_id, called_at, raw_response,
        verdict, used_max_tokens, prompt_version, event_digest)
    SELECT overlay_id, revision, 1, number, gen_random_uuid(), now(), '\\x7b7d', 'unusable', 1000, 'feed-post-1', ''
    FROM feed_requests, generate_series(1, 3) AS number
"""

# What other relays have in hand; of a few events a plan would rightly read all.
EVENTS_IN_HAND = """
    INSERT INTO outbox_events (event_id, topic, headers, available_at)
    SELECT gen_random_uuid(), 'instagram_feed.created', '', now() + interval '1 hour' FROM generate_series(1, 20000)
"""

Call = Callable[[Connection, Sequence[ClaimedRequest]], Awaitable[object]]


async def store(borrowed: Connection, held: Sequence[ClaimedRequest], *, ensure_references: bool) -> object:
    model = await find_active(borrowed, "gpt-4o-mini")
    posts = [
        feed(request, model.llm_model_id, kept_fencing_token=1 if kept else None, kept_call_number=1 if kept else None)
        for request, kept in zip(held, cycle((True, False)), strict=False)
    ]
    return await feeds.store(borrowed, posts, ensure_references=ensure_references, relay_lease_s=RELAY_LEASE_S)


async def fail(borrowed: Connection, held: Sequence[ClaimedRequest]) -> object:
    return await feeds.fail(borrowed, [failure(request) for request in held], relay_lease_s=RELAY_LEASE_S)


CALLS: dict[str, Call] = {
    "claim_new": lambda borrowed, _: requests.claim_new(
        borrowed, [new_request() for _ in range(BATCH)], owner="planner", lease_s=60
    ),
    "claim_available": lambda borrowed, held: available_requests.claim_available(
        borrowed, owner="planner", lease_s=0.001, limit=BATCH, held=held
    ),
    "extend_leases": lambda borrowed, held: leases.extend_leases(borrowed, held, lease_s=60),
    "failed_sources": lambda borrowed, held: reopened_requests.failed_sources(
        borrowed, [request.overlay_id for request in held[:FEW]]
    ),
    "reopen_corrected": lambda borrowed, held: reopened_requests.reopen_corrected(
        borrowed, [new_request(request.overlay_id) for request in held], owner="planner", lease_s=60
    ),
    "reopen_failed": lambda borrowed, held: reopened_requests.reopen_failed(
        borrowed, [(request.overlay_id, request.revision) for request in held], reason="llm_bad_request"
    ),
    "release": lambda borrowed, _: leases.release(borrowed, owner="nobody"),
    "postpone": lambda borrowed, held: requests.postpone(borrowed, [postponement(request) for request in held]),
    "store, references ensured": lambda borrowed, held: store(borrowed, held, ensure_references=True),
    "store, references required": lambda borrowed, held: store(borrowed, held, ensure_references=False),
    # 20,000 ids alone are few pages
    "missing_rows": lambda borrowed, held: references.missing_rows(borrowed, held[:FEW], tables=references.KEYS),
    "fail": fail,
    "kept_answers": lambda borrowed, held: llm_calls.kept_answers(
        borrowed, [(request.overlay_id, request.revision) for request in held]
    ),
    "claim_pending": lambda borrowed, _: outbox.claim_pending(borrowed, lease_s=RELAY_LEASE_S, limit=500),
    "delete_published": lambda borrowed, _: outbox.delete_published(borrowed, list(range(BATCH))),
    "set_apart": lambda borrowed, _: outbox.set_apart(borrowed, list(range(BATCH))),
    "give_back": lambda borrowed, _: outbox.give_back(borrowed, list(range(BATCH)), delay_s=5),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(module_database_url: str) -> AsyncIterator[tuple[Pool, list[ClaimedRequest]]]:
    """A database of many posts with a full process at work on it, its statistics up to date."""
    await fill_with_feeds(module_database_url, FEEDS, report=print)
    pool = await open_pool(module_database_url, size=2, application_name="tests")
    held = await claim(pool, [new_request() for _ in range(BATCH)])
    await claim(pool, [new_request() for _ in range(BATCH)], lease_s=EXPIRED_S)
    announced = await claim(pool, [new_request() for _ in range(BATCH)])
    async with connection(pool) as borrowed:
        await store(borrowed, announced, ensure_references=True)
    await pool.execute("INSERT INTO jobs SELECT job_id FROM feed_requests ON CONFLICT DO NOTHING")
    await pool.execute("INSERT INTO overlay_layouts SELECT overlay_id FROM feed_requests ON CONFLICT DO NOTHING")
    await pool.execute(CALLS_KEPT)
    await pool.execute(EVENTS_IN_HAND)
    await pool.execute("ANALYZE")
    yield pool, held
    await pool.close()


async def statements(borrowed: Connection, call: Call, held: Sequence[ClaimedRequest]) -> list[LoggedQuery]:
    """What a function of the repository sends to the server."""
    seen: list[LoggedQuery] = []
    transaction = borrowed.transaction()
    await transaction.start()
    with borrowed.query_logger(seen.append):
        await call(borrowed, held)
    await transaction.rollback()
    return seen


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def whole_table_reads(explained: str) -> list[str]:
    plans = [nodes(statement["Plan"]) for statement in json.loads(explained)]
    return [
        node["Relation Name"]
        for plan in plans
        for node in plan
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in GROWING_TABLES
    ]


async def custom_plan(borrowed: Connection, query: LoggedQuery) -> str:
    """The plan for these arguments."""
    return str(await borrowed.fetchval(f"EXPLAIN (FORMAT JSON) {query.query}", *query.args))


async def generic_plan(borrowed: Connection, query: LoggedQuery) -> str:
    """The plan for any arguments, which a statement that is kept gets after a few times."""
    no_values = f"({', '.join(['NULL'] * len(query.args))})" if query.args else ""
    async with borrowed.transaction():
        await borrowed.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await borrowed.execute(f"PREPARE planned AS {query.query}")
        explained = await borrowed.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE planned {no_values}")
        await borrowed.execute("DEALLOCATE planned")
    return str(explained)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("plan", [custom_plan, generic_plan])
@pytest.mark.parametrize("name", CALLS)
async def test_no_statement_reads_a_whole_table(
    filled: tuple[Pool, list[ClaimedRequest]],
    name: str,
    plan: Callable[[Connection, LoggedQuery], Awaitable[str]],
) -> None:
    pool, held = filled
    async with connection(pool) as borrowed:
        sent = await statements(borrowed, CALLS[name], held)
        assert sent
        for query in sent:
            assert whole_table_reads(await plan(borrowed, query)) == []
