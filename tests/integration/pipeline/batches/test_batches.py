"""A request by batch, from the ledger to its post, at a provider that is as it should be and at one that is not."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from devstack.simulated_llm.control import SimulatedLlmControl
from repository.operations.cost_without_post import cost_without_post
from repository.operations.report_scope import ReportScope
from repository.operations.reports import cost
from repository.pool import connection
from tests.support.application import Application, application
from tests.support.batches import (
    QUICK,
    batch_cost_usd,
    batches,
    booked_cost_usd,
    enter,
    files_left,
    provider_cost_usd,
    states_of,
    until_ended,
)
from tests.support.waiting import eventually


@pytest.fixture
async def running(feed_env: Mapping[str, str]) -> AsyncIterator[Application]:
    """The application; only its loop of batches is driven."""
    async with application(feed_env, **QUICK) as running:
        yield running


async def written(running: Application, env: Mapping[str, str], count: int) -> dict[str, int]:
    """Have so many requests written by batch; gives how they ended."""
    pool = running.resources.pool
    overlay_ids = await enter(pool, count, group_id=env["KAFKA_GROUP_ID"])
    await until_ended(running.app.batches, pool, overlay_ids)
    return await states_of(pool, overlay_ids)


async def assert_paid_once(running: Application, llm: SimulatedLlmControl) -> None:
    """Ledger, batches and provider agree, and nothing is left at the provider."""
    pool = running.resources.pool
    billed = await provider_cost_usd(llm)
    assert (await booked_cost_usd(pool), await batch_cost_usd(pool)) == (billed, billed)
    assert await files_left(llm) == []


@pytest.mark.parametrize("model", ["{}", "[1]", "null", '{"provider": 1}'])
async def test_a_batch_whose_row_somebody_changed_by_hand_holds_up_no_other(
    running: Application, feed_env: Mapping[str, str], model: str
) -> None:
    pool = running.resources.pool
    await pool.execute(
        "INSERT INTO llm_batches (batch_id, provider, llm_model_id, model, state, request_count, estimated_tokens,"
        " available_at) VALUES (gen_random_uuid(), 'openai', gen_random_uuid(), $1, 'intended', 1, 1, '-infinity')",
        model,
    )
    assert await written(running, feed_env, 2) == {"done": 2}
    told = [batch["last_error"] for batch in await batches(pool)]
    assert sorted(told, key=str) == [None, "its row cannot be read: changed by hand?"]


async def test_requests_are_written_by_batch_at_half_price(
    running: Application, feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    assert await written(running, feed_env, 5) == {"done": 5}
    [batch] = await batches(running.resources.pool)
    assert (batch["state"], batch["provider_status"], batch["request_count"]) == ("collected", "completed", 5)
    ledger = await llm.ledger()
    assert {(call.service, call.attempt) for call in ledger.calls} == {("batch", 1)}
    pool = running.resources.pool
    posts = await pool.fetch("SELECT delivery, cost_usd, latency_ms, gpt_prompt_used FROM instagram_feeds")
    assert {(post["delivery"], post["latency_ms"]) for post in posts} == {("batch", None)}
    assert all('"ref" and the value' in post["gpt_prompt_used"] for post in posts)
    assert sum((post["cost_usd"] for post in posts), Decimal(0)) == await provider_cost_usd(llm)
    assert await pool.fetchval("SELECT count(*) FROM outbox_events") == 5
    assert await pool.fetchval("SELECT count(body) FROM llm_batch_lines") == 0
    await assert_paid_once(running, llm)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "batch_expired", "done": 0.6},
        {"kind": "batch_cancelled", "done": 0.6},
        {"kind": "batch_lines_fail", "status": 500},
        {"kind": "batch_invalid_lines", "lines": 2},
        {"kind": "batch_token_limit_exceeded"},
        {"kind": "batch_without_files"},
        {"kind": "batch_lost_lines", "lines": 2},
        {"kind": "batch_drops_metadata"},
        {"kind": "batch_unknown_custom_ids", "lines": 2},
        {"kind": "batch_repeated_custom_ids", "lines": 2},
        {"kind": "batch_swapped_results"},
    ],
    ids=lambda fault: str(fault["kind"]),
)
async def test_each_request_gets_its_post_whatever_the_provider_makes_of_a_batch(
    running: Application, feed_env: Mapping[str, str], llm: SimulatedLlmControl, fault: Mapping[str, object]
) -> None:
    await llm.set_faults({**fault, "first": 1})
    assert await written(running, feed_env, 10) == {"done": 10}
    pool = running.resources.pool
    wrong = await pool.fetchval(
        "SELECT count(*) FROM instagram_feeds AS feed WHERE NOT (gpt_response_raw::text LIKE "
        "'%' || left(replace(overlay_id::text, '-', ''), 8) || '%')"
    )
    assert wrong == 0
    if fault["kind"] not in LOSES_PAID_RESULTS:
        await assert_paid_once(running, llm)
    assert await files_left(llm) == []


LOSES_PAID_RESULTS = {"batch_without_files", "batch_lost_lines"}


async def test_results_under_each_others_keys_are_nobodys_posts(
    running: Application, feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_faults({"kind": "batch_swapped_results", "first": 1})
    assert await written(running, feed_env, 6) == {"done": 6}
    pool = running.resources.pool
    first, second = await batches(pool)
    assert (first["suspect_count"], second["request_count"]) == (2, 2)
    kept = await pool.fetch("SELECT verdict, cost_usd FROM llm_calls")
    assert [(call["verdict"], call["cost_usd"] > 0) for call in kept] == [("wrong_key", True)] * 2
    await assert_paid_once(running, llm)


async def test_a_bad_answer_is_repaired_in_the_next_batch_and_one_that_was_cut_off_gets_more_room(
    running: Application, feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_faults(
        {"kind": "schema_violation", "first": 1, "attempts": [1]}, {"kind": "length", "first": 1, "attempts": [1]}
    )
    assert await written(running, feed_env, 4) == {"done": 4}
    pool = running.resources.pool
    asked = await pool.fetch(
        "SELECT is_repair, has_larger_limit, used_max_tokens FROM llm_batch_lines WHERE call_number = 2"
    )
    assert {tuple(row) for row in asked} == {(True, False, 1_000), (False, True, 2_000)}
    verdicts = {row["verdict"] for row in await pool.fetch("SELECT verdict FROM llm_calls")}
    assert verdicts == {"unusable", "cut_off"}
    await assert_paid_once(running, llm)


async def test_a_line_that_is_refused_ends_its_request_alone(
    running: Application, feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_faults({"kind": "bad_request", "first": 1})
    assert await written(running, feed_env, 6) == {"done": 5, "failed": 1}
    [failed] = await running.resources.pool.fetch("SELECT * FROM feed_requests WHERE state = 'failed'")
    assert failed["last_error_reason"] == "llm_bad_request"
    await assert_paid_once(running, llm)


async def test_lines_that_all_fail_for_the_accounts_sake_use_up_no_attempt(
    running: Application, feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_faults({"kind": "insufficient_quota"})
    pool = running.resources.pool
    await enter(pool, 3, group_id=feed_env["KAFKA_GROUP_ID"])

    async def given_back() -> bool:
        await running.app.batches.run_once()
        return [batch["state"] for batch in await batches(pool)] == ["collected"]

    await eventually(given_back)
    rows = await pool.fetch("SELECT state, attempts, available_at > now() AS waits, batch_id FROM feed_requests")
    assert {tuple(row) for row in rows} == {("batched", 0, True, None)}


async def test_a_file_that_is_cut_off_is_fetched_again_from_where_it_was(
    running: Application, feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_faults({"kind": "batch_truncated_output", "first": 2})
    await llm.set_batch_pace(serves_ranges=True)
    assert await written(running, feed_env, 10) == {"done": 10}
    assert len(await batches(running.resources.pool)) == 1
    await assert_paid_once(running, llm)


@pytest.mark.parametrize("fault", ["batch_create_reset", "batch_create_late"])
async def test_a_creation_without_an_answer_is_found_and_not_repeated(
    running: Application, feed_env: Mapping[str, str], llm: SimulatedLlmControl, fault: str
) -> None:
    await llm.set_faults({"kind": fault, "first": 1, "after_s": 0.3}, {"kind": "batch_drops_metadata"})
    assert await written(running, feed_env, 3) == {"done": 3}
    [batch] = await batches(running.resources.pool)
    assert batch["create_count"] == 1
    assert (await llm.ledger_summary()).billed_calls == 3
    await assert_paid_once(running, llm)


async def test_of_two_batches_of_one_file_the_second_is_cancelled_and_its_cost_booked(
    running: Application, feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_faults({"kind": "batch_create_twice", "first": 1}, {"kind": "batch_create_reset", "first": 1})
    await llm.set_batch_pace(in_progress_s=0.5)
    assert await written(running, feed_env, 3) == {"done": 3}
    pool = running.resources.pool
    assert [batch["duplicate_of"] is not None for batch in await batches(pool)].count(True) == 1
    assert await batch_cost_usd(pool) == await provider_cost_usd(llm)
    assert await files_left(llm) == []


async def test_what_a_second_batch_was_answered_before_it_was_found_is_in_the_report_of_what_was_spent(
    running: Application, feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_faults({"kind": "batch_create_twice", "first": 1}, {"kind": "batch_create_reset", "first": 1})
    assert await written(running, feed_env, 3) == {"done": 3}
    pool = running.resources.pool
    assert (await llm.ledger_summary()).billed_calls == 6
    assert await batch_cost_usd(pool) == await provider_cost_usd(llm)
    async with connection(pool) as borrowed:
        scope = ReportScope(since=datetime.now(UTC) - timedelta(days=1))
        posts, rest = await cost(borrowed, scope), await cost_without_post(borrowed, scope)
        of_a_tenant = await cost_without_post(borrowed, replace(scope, tenant_id="store-apparel-1"))
    assert [(row.state, row.request_count) for row in rest] == [("duplicate", 3)]
    spent = [*(row.spent_usd for row in posts), *(row.spent_usd for row in rest)]
    assert sum(spent, Decimal(0)) == await provider_cost_usd(llm)
    assert of_a_tenant == []
    [family] = running.metrics.llm.tokens.collect()
    counts = {one.labels["gen_ai_token_type"]: one.value for one in family.samples if one.name.endswith("_count")}
    assert counts == {"input": 6, "output": 6}


async def test_too_many_waiting_tokens_are_learned_and_the_backlog_is_split(
    running: Application, feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_limits(enqueued_tokens=8_000)
    assert await written(running, feed_env, 12) == {"done": 12}
    pool = running.resources.pool
    states = [batch["state"] for batch in await batches(pool)]
    assert states.count("abandoned") == 1
    assert states.count("collected") > 1
    assert await pool.fetchval("SELECT max(attempts) FROM feed_requests") == 0
    await assert_paid_once(running, llm)


async def test_what_three_batches_left_without_a_result_ends_or_is_written_live(
    feed_env: Mapping[str, str], llm: SimulatedLlmControl
) -> None:
    await llm.set_faults({"kind": "batch_lines_fail"})
    async with application(feed_env, **QUICK) as running:
        assert await written(running, feed_env, 2) == {"failed": 2}
    async with application(feed_env, **QUICK, BATCH_FALLBACK="live") as running:
        pool = running.resources.pool
        overlay_ids = await enter(pool, 2, group_id=feed_env["KAFKA_GROUP_ID"])

        async def given_up() -> bool:
            await running.app.batches.run_once()
            return await states_of(pool, overlay_ids) == {"waiting": 2}

        await eventually(given_up, 30)
        assert await running.app.sweeper.run_once() == 2
        await running.finish()
        assert await states_of(pool, overlay_ids) == {"done": 2}
        rows = await pool.fetch("SELECT delivery FROM instagram_feeds")
        assert {row["delivery"] for row in rows} == {"live"}


async def test_the_rules_that_refuse_answers_of_batches_are_counted(feed_env: Mapping[str, str]) -> None:
    async with application(feed_env, **QUICK, BANNED_WORDS="📍") as running:
        assert await written(running, feed_env, 2) == {"failed": 2}
        [family] = running.metrics.requests.quality_refusals.collect()
    counted = {sample.labels["rule"]: sample.value for sample in family.samples if sample.name.endswith("_total")}
    assert {rule: count for rule, count in counted.items() if count} == {"banned": 4}, "two answers, each repaired once"
