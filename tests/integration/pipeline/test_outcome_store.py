"""The outcome_store: outcomes of every kind end in the ledger, and no result that was paid for is given up."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from consumer.kafka.publisher import Publisher
from consumer.pipeline.faults.fault_finder import RequestKey
from consumer.pipeline.feed_events import FeedEventBuilder
from consumer.pipeline.in_flight import InFlight
from consumer.pipeline.outbox_relay import OutboxRelay
from consumer.pipeline.outcome_log import OutcomeLog
from consumer.pipeline.outcome_store import MOST_PER_STATEMENT, OutcomeStore
from consumer.pipeline.outcomes import Outcome, Rejected, RetryLater, Usage, Written
from consumer.pipeline.retry import RetryPolicy
from consumer.pipeline.settling import Settler
from consumer.pipeline.tracing.traces import Traces
from consumer.post.editor import EditedPost
from consumer.post.prompt import PromptTemplate
from consumer.telemetry.metrics import Metrics
from devstack import postgres
from devstack.ports import free_port
from repository import migrations
from repository.llm_models import LlmModel, find_active
from repository.pool import Pool, connection, open_pool
from repository.requests import ClaimedRequest
from repository.spending import Spending
from schemas.post import InstagramPost
from schemas.reasons import Reason
from tests.support.budgets import no_budgets
from tests.support.examples import answer, new_request, overlay_completed
from tests.support.ledger import claim, count, ledger_row, states
from tests.support.waiting import eventually

SPENT = Spending(500, 0, 200, Decimal("0.000195"))
TEMPLATE = PromptTemplate(language="ko", max_hashtags=5)


@dataclass(frozen=True, slots=True)
class Process:
    """As much of a consumer as ends requests; what it announces stays in the outbox."""

    pool: Pool
    in_flight: InFlight
    outcome_store: OutcomeStore
    model: LlmModel
    reopened: list[RequestKey]

    async def claimed(self, number: int) -> list[ClaimedRequest]:
        """Requests new in the ledger, each with a slot."""
        await self.in_flight.reserve(at_least=number, at_most=number)
        requests = await claim(self.pool, [new_request() for _ in range(number)])
        self.in_flight.hold(requests, leased_at_s=time.monotonic())
        return requests

    def written(self, request: ClaimedRequest, caption: str = "가을 니트") -> Written:
        """A post of the process's model."""
        event = overlay_completed(overlay_id=str(request.overlay_id), job_id=str(request.job_id))
        edited = EditedPost(InstagramPost(caption, "#가을"))
        return Written(
            request=request, usage=Usage(1, SPENT), event=event, edited=edited, answer=answer(model=self.model)
        )

    async def has_stored_all(self) -> bool:
        """Try again what could not be stored; whether all is."""
        return await self.outcome_store.retry_once() == 0

    def put(self, outcomes: Sequence[Outcome]) -> None:
        """Leave outcomes to be stored."""
        for outcome in outcomes:
            self.outcome_store.put(outcome)


def process_on(pool: Pool, model: LlmModel, publisher: Publisher, *, ensure_references: bool = True) -> Process:
    """A process that writes with this model."""
    feed_events = FeedEventBuilder(
        created_topic="created",
        failed_topic="failed",
        dead_letter_topic="dead",
        traces=Traces(),
    )
    metrics, in_flight = Metrics(), InFlight(1_000)
    reopened: list[RequestKey] = []
    outcome_store = OutcomeStore(
        pool,
        feed_events,
        OutboxRelay(pool, publisher, metrics),
        in_flight,
        OutcomeLog(metrics, Traces()),
        no_budgets(),
        put_back=lambda requests, _: reopened.extend(requests),
        policy=RetryPolicy(max_attempts=3, base_s=0.1, max_s=1),
        ensure_references=ensure_references,
    )
    return Process(pool, in_flight, outcome_store, model, reopened)


@pytest.fixture
def process(pool: Pool, model: LlmModel, publisher: Publisher) -> Process:
    return process_on(pool, model, publisher)


def retry_later(request: ClaimedRequest, detail: str = "HTTP 500") -> RetryLater:
    return RetryLater(
        request=request, usage=Usage(1, SPENT), attempts=1, delay_s=60, reason=Reason.LLM_UNAVAILABLE, detail=detail
    )


def rejected(request: ClaimedRequest, detail: str = "No.") -> Rejected:
    return Rejected(request=request, usage=Usage(1, SPENT), attempts=1, reason=Reason.LLM_REFUSED, detail=detail)


async def test_an_outcome_over_which_this_program_fails_keeps_no_other_and_is_left_in_the_end(process: Process) -> None:
    """Of an amount that is none neither the created event nor the failed one can be written."""
    bad, *good = await process.claimed(4)
    unwritable = replace(process.written(bad), usage=Usage(1, replace(SPENT, cost_usd=Decimal("NaN"))))
    with capture_logs() as lines:
        process.put([unwritable, *map(process.written, good)])
        while process.outcome_store.unsettled:
            await process.outcome_store.run_once()
    assert await states(process.pool) == {bad.overlay_id: "claimed", **{one.overlay_id: "done" for one in good}}
    assert {line["overlay_id"] for line in lines if line["event"] == "store.defect"} == {str(bad.overlay_id)}
    assert process.in_flight.held == []


async def test_each_kind_of_outcome_ends_its_request_and_frees_its_slot(process: Process) -> None:
    stored, postponed, failed = await process.claimed(3)
    process.put([process.written(stored), retry_later(postponed), rejected(failed)])
    assert await process.outcome_store.run_once() == 3
    assert await states(process.pool) == {
        stored.overlay_id: "done",
        postponed.overlay_id: "waiting",
        failed.overlay_id: "failed",
    }
    assert (process.in_flight.held, process.in_flight.free) == ([], process.in_flight.slots)
    topics = [row["topic"] for row in await process.pool.fetch("SELECT topic FROM outbox_events ORDER BY topic")]
    assert topics == ["created", "dead", "failed"]


async def test_a_post_that_was_stored_unnoticed_is_stored_and_its_call_is_no_second_one(process: Process) -> None:
    [request] = await process.claimed(1)
    post = process.written(request)
    process.put([post])
    await process.outcome_store.run_once()
    # as when the connection ended before the answer to the statement came
    await process.in_flight.reserve(at_least=1, at_most=1)
    process.in_flight.hold([request], leased_at_s=time.monotonic())
    process.put([post])
    with capture_logs() as logs:
        await process.outcome_store.run_once()
    assert [entry["event"] for entry in logs] == ["feed.stored"]
    assert await process.pool.fetchval("SELECT count(*) FROM llm_calls") == 0
    assert await process.pool.fetchval("SELECT instagram_feed_id FROM instagram_feeds") == post.instagram_feed_id


async def test_what_gathers_is_stored_together_up_to_a_limit(process: Process) -> None:
    requests = await process.claimed(MOST_PER_STATEMENT + 1)
    process.put([process.written(request) for request in requests])
    assert [await process.outcome_store.run_once(), await process.outcome_store.run_once()] == [MOST_PER_STATEMENT, 1]
    await process.outcome_store.drain()
    assert await count(process.pool, "instagram_feeds") == MOST_PER_STATEMENT + 1


async def test_a_post_the_database_refuses_is_ended_otherwise_and_the_others_are_stored(process: Process) -> None:
    good, bad, good_too = await process.claimed(3)
    process.put([process.written(good), process.written(bad, caption="a\0b"), process.written(good_too)])
    await process.outcome_store.run_once()
    assert (await states(process.pool))[good.overlay_id] == (await states(process.pool))[good_too.overlay_id] == "done"
    await process.outcome_store.run_once()
    row = await ledger_row(process.pool, bad.overlay_id)
    assert (row["state"], row["last_error_reason"], row["attempts"]) == ("failed", "store_refused", 1)
    assert row["cost_usd"] == SPENT.cost_usd
    assert process.in_flight.held == []
    assert await count(process.pool, "instagram_feeds") == 2


@pytest.mark.parametrize("outcome", [retry_later, rejected])
async def test_a_detail_the_database_refuses_is_not_the_end_of_the_program(
    process: Process, outcome: Callable[[ClaimedRequest, str], Outcome]
) -> None:
    [request] = await process.claimed(1)
    process.put([outcome(request, "quoted \0 from a proxy")])
    await process.outcome_store.run_once()
    await process.outcome_store.run_once()
    row = await ledger_row(process.pool, request.overlay_id)
    assert (row["state"], row["last_error_reason"]) == ("failed", "store_refused")
    assert process.in_flight.held == []


async def test_a_missing_row_upstream_is_waited_for_with_all_that_was_spent(
    pool: Pool, model: LlmModel, publisher: Publisher
) -> None:
    process = process_on(pool, model, publisher, ensure_references=False)
    [request] = await process.claimed(1)
    process.put([process.written(request)])
    await process.outcome_store.run_once()
    await process.outcome_store.run_once()
    row = await ledger_row(pool, request.overlay_id)
    assert (row["state"], row["last_error_reason"], row["attempts"]) == ("waiting", "missing_reference", 1)
    assert (row["cost_usd"], row["llm_calls"]) == (SPENT.cost_usd, 1)


async def test_a_missing_row_is_not_waited_for_for_ever(pool: Pool, model: LlmModel, publisher: Publisher) -> None:
    process = process_on(pool, model, publisher, ensure_references=False)
    [request] = await process.claimed(1)
    last_attempt = replace(process.written(request), request=replace(request, attempts=2))
    process.put([last_attempt])
    await process.outcome_store.run_once()
    await process.outcome_store.run_once()
    row = await ledger_row(pool, request.overlay_id)
    assert (row["state"], row["last_error_reason"], row["attempts"]) == ("failed", "missing_reference", 3)


async def test_a_result_that_came_second_frees_its_slot_and_is_dropped(process: Process) -> None:
    [request] = await process.claimed(1)
    process.put([process.written(request)])
    await process.outcome_store.run_once()
    again = replace(request, fencing_token=2)
    await process.in_flight.reserve(at_least=1, at_most=1)
    process.in_flight.hold([again], leased_at_s=time.monotonic())
    process.put([process.written(again)])
    await process.outcome_store.run_once()
    assert (process.in_flight.held, await count(process.pool, "instagram_feeds")) == ([], 1)


async def calls_kept(pool: Pool) -> list[dict[str, Any]]:
    return [dict(row) for row in await pool.fetch("SELECT * FROM llm_calls ORDER BY called_at, call_number")]


async def test_a_post_that_came_second_was_paid_for_and_its_answer_is_kept(process: Process) -> None:
    [request] = await process.claimed(1)
    process.put([process.written(request)])
    await process.outcome_store.run_once()
    again = replace(request, fencing_token=2)
    await process.in_flight.reserve(at_least=1, at_most=1)
    process.in_flight.hold([again], leased_at_s=time.monotonic())
    process.put([process.written(again)])
    await process.outcome_store.run_once()
    [call] = await calls_kept(process.pool)
    assert (call["verdict"], call["cost_usd"], call["fencing_token"]) == ("superseded", SPENT.cost_usd, 2)


async def test_a_post_the_database_refuses_is_kept_as_an_answer(process: Process) -> None:
    [request] = await process.claimed(1)
    process.put([process.written(request, caption="a\0b")])
    await process.outcome_store.run_once()
    await process.outcome_store.run_once()
    [call] = await calls_kept(process.pool)
    assert (call["verdict"], call["raw_response"]) == ("not_stored", answer().completion.received)


async def test_while_a_row_upstream_is_missing_the_paid_answer_is_kept_for_the_next_attempt(
    pool: Pool, model: LlmModel, publisher: Publisher
) -> None:
    process = process_on(pool, model, publisher, ensure_references=False)
    [request] = await process.claimed(1)
    process.put([process.written(request)])
    await process.outcome_store.run_once()
    await process.outcome_store.run_once()
    [call] = await calls_kept(pool)
    assert (call["overlay_id"], call["verdict"]) == (request.overlay_id, "not_stored")


async def test_draining_waits_for_what_is_stored_in_a_second_try(process: Process) -> None:
    [request] = await process.claimed(1)
    process.put([process.written(request, caption="a\0b")])
    storing = asyncio.create_task(process.outcome_store.run())
    await process.outcome_store.drain()
    storing.cancel()
    assert (await ledger_row(process.pool, request.overlay_id))["state"] == "failed"


@asynccontextmanager
async def held_row(pool: Pool, statement: str, *arguments: object) -> AsyncIterator[None]:
    """Somebody else's transaction that holds what this statement touches, and does not end."""
    async with pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(statement, *arguments)
        try:
            yield
        finally:
            await transaction.rollback()


HOLD_REQUEST = "SELECT FROM feed_requests WHERE overlay_id = $1 FOR UPDATE"


async def test_a_row_of_upstream_that_somebody_holds_costs_its_own_post_a_wait_and_no_other(process: Process) -> None:
    held, *others = await process.claimed(201)
    async with held_row(process.pool, "INSERT INTO jobs (job_id) VALUES ($1)", held.job_id):
        process.put([process.written(request) for request in (held, *others)])
        async with asyncio.timeout(15):
            await process.outcome_store.run_once()
        assert Counter((await states(process.pool)).values()) == {"done": 200, "claimed": 1}
        assert (process.outcome_store.unavailable_reason, process.in_flight.held) == (None, [held])
    assert await process.outcome_store.retry_once() == 0
    assert (await states(process.pool))[held.overlay_id] == "done"
    assert process.in_flight.free == process.in_flight.slots


@pytest.mark.parametrize("outcome", ["written", "retry_later", "rejected"])
async def test_a_ledger_row_that_somebody_holds_holds_up_no_other_request(process: Process, outcome: str) -> None:
    makers: dict[str, Callable[[ClaimedRequest], Outcome]] = {
        "written": process.written,
        "retry_later": retry_later,
        "rejected": rejected,
    }
    make = makers[outcome]
    held, other = await process.claimed(2)
    async with held_row(process.pool, HOLD_REQUEST, held.overlay_id):
        process.put([make(held), make(other)])
        async with asyncio.timeout(10):
            await process.outcome_store.run_once()
        now = await states(process.pool)
        assert (now[held.overlay_id], now[other.overlay_id] != "claimed") == ("claimed", True)
    assert await process.outcome_store.retry_once() == 0
    assert (await states(process.pool))[held.overlay_id] != "claimed"


async def test_what_waits_for_a_lock_leaves_its_slot_to_others_and_keeps_its_lease(process: Process) -> None:
    [held] = await process.claimed(1)
    async with held_row(process.pool, HOLD_REQUEST, held.overlay_id):
        process.put([process.written(held)])
        await process.outcome_store.run_once()
        assert (process.in_flight.free, process.in_flight.held) == (process.in_flight.slots, [held])


async def test_what_the_database_refuses_of_everybody_fails_nobody_and_says_so(process: Process) -> None:
    requests = await process.claimed(40)
    await process.pool.execute("ALTER TABLE outbox_events ADD CONSTRAINT theirs CHECK (topic <> 'created') NOT VALID")
    try:
        process.put([process.written(request) for request in requests[:20]])
        with capture_logs() as lines:
            await process.outcome_store.run_once()
            process.put([process.written(request) for request in requests[20:]])
            await process.outcome_store.run_once()
            await process.outcome_store.retry_once()
        assert set((await states(process.pool)).values()) == {"claimed"}
        assert "theirs" in (process.outcome_store.unavailable_reason or "")
        assert [line["event"] for line in lines] == ["store.refused_alike"]
        assert len(process.outcome_store.unsettled) == 40
    finally:
        await process.pool.execute("ALTER TABLE outbox_events DROP CONSTRAINT theirs")
    await eventually(process.has_stored_all, deadline_s=30)
    assert set((await states(process.pool)).values()) == {"done"}
    assert process.outcome_store.unavailable_reason is None


async def test_a_column_that_is_gone_fails_nobody_however_few_there_are_to_compare(process: Process) -> None:
    [request] = await process.claimed(1)
    await process.pool.execute("ALTER TABLE instagram_feeds RENAME COLUMN quality TO theirs")
    try:
        process.put([process.written(request)])
        await process.outcome_store.run_once()
        assert list((await states(process.pool)).values()) == ["claimed"]
        assert "quality" in (process.outcome_store.unavailable_reason or "")
    finally:
        await process.pool.execute("ALTER TABLE instagram_feeds RENAME COLUMN theirs TO quality")
    await eventually(process.has_stored_all, deadline_s=30)
    assert list((await states(process.pool)).values()) == ["done"]
    assert process.outcome_store.unavailable_reason is None


async def test_a_statement_that_hangs_makes_the_process_not_ready_within_ten_seconds(process: Process) -> None:
    async def hang(_: Sequence[Outcome], __: float) -> None:
        await asyncio.Event().wait()

    settler: Settler[Outcome] = Settler(hang, set_aside=print, refused=print, reopen=print)
    [request] = await process.claimed(1)
    settling = asyncio.create_task(settler.settle([process.written(request)]))
    try:
        await eventually(lambda: settler.unavailable_reason, deadline_s=10)
    finally:
        settling.cancel()


@pytest.mark.parametrize("table", ["llm_models", "jobs", "overlay_layouts", "llm_calls", "instagram_feeds"])
async def test_while_somebody_has_a_table_locked_that_is_said_within_ten_seconds(process: Process, table: str) -> None:
    store, pool = process.outcome_store, process.pool
    requests = await process.claimed(3)
    loops = [asyncio.create_task(loop()) for loop in (store.run, store.run_retries, store.run_lock_watch)]
    try:
        async with pool.acquire() as somebody, somebody.transaction():
            await somebody.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            process.put([process.written(request) for request in requests])
            await eventually(lambda: f"somebody has locked {table}" in (store.unavailable_reason or ""), 10)
        await eventually(lambda: not store.unsettled and store.unavailable_reason is None, 10)
    finally:
        for loop in loops:
            loop.cancel()
    assert await states(pool) == {request.overlay_id: "done" for request in requests}


@pytest.mark.skipif(not postgres.can_serve(), reason="stops a Postgres of its own: the wheel is not installed")
async def test_paid_results_wait_while_postgres_is_away_and_are_stored_when_it_is_back(
    tmp_path: Path, publisher: Publisher
) -> None:
    server = postgres.PostgresServer(tmp_path, free_port())
    await server.start()
    await migrations.upgrade(server.address)
    pool = await open_pool(server.address, size=5, application_name="tests")
    try:
        async with connection(pool) as borrowed:
            process = process_on(pool, await find_active(borrowed, "gpt-4o-mini"), publisher)
        requests = await process.claimed(20)
        await server.stop()
        process.put([process.written(request) for request in requests])
        storing = asyncio.create_task(process.outcome_store.run())
        with capture_logs() as lines:
            await eventually(lambda: [line for line in lines if line["event"] == "store.unavailable"])
        assert len(process.in_flight.held) == 20
        await server.start()
        async with asyncio.timeout(30):
            await process.outcome_store.drain()
        storing.cancel()
        assert process.in_flight.held == []
        assert (await count(pool, "instagram_feeds"), await count(pool, "outbox_events")) == (20, 20)
    finally:
        pool.terminate()
        await server.stop()
