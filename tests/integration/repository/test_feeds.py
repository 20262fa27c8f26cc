"""The end of a request on a real Postgres: row, event and state together or not at all, and only once."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from consumer.llm.cost import spending
from repository.errors import MissingReference, RefusedData
from repository.feeds import Failure, Feed, fail, store
from repository.llm_models import LlmModel
from repository.operations.model_changes import change_models
from repository.outbox import OutboxEvent
from repository.pool import Pool, connection
from repository.reopened_requests import reopen_failed
from repository.requests import ClaimedRequest, postpone
from repository.spending import Spending
from tests.support.examples import announcement, completion, failure, feed, new_request, postponement
from tests.support.ledger import EXPIRED_S, claim, count, ledger_row, reclaim, states

RELAY_LEASE_S = 30.0
COMPARED_OTHERWISE = {
    *("gpt_response_raw", "token_usage", "spent", "created_event"),
    *("unused_calls", "kept_fencing_token", "kept_call_number"),
}


async def store_all(pool: Pool, feeds: Sequence[Feed], *, ensure_references: bool = True) -> list[OutboxEvent]:
    async with connection(pool) as borrowed:
        return await store(borrowed, feeds, ensure_references=ensure_references, relay_lease_s=RELAY_LEASE_S)


async def fail_all(pool: Pool, failures: Sequence[Failure]) -> list[OutboxEvent]:
    async with connection(pool) as borrowed:
        return await fail(borrowed, failures, relay_lease_s=RELAY_LEASE_S)


async def feed_rows(pool: Pool) -> list[dict[str, Any]]:
    """The rows; JSONB as the text that Postgres makes of it."""
    return [dict(row) for row in await pool.fetch("SELECT * FROM instagram_feeds")]


async def claim_one(pool: Pool) -> ClaimedRequest:
    [request] = await claim(pool, [new_request()])
    return request


async def test_every_column_holds_what_it_should(pool: Pool, model: LlmModel) -> None:
    written = feed(await claim_one(pool), model.llm_model_id)
    await store_all(pool, [written])
    [row] = await feed_rows(pool)
    for name in ("gpt_response_raw", "token_usage"):
        assert json.loads(row[name]) == json.loads(getattr(written, name))
    expected = {name: value for name, value in asdict(written).items() if name not in COMPARED_OTHERWISE}
    assert {name: row[name] for name in expected} == expected
    assert (row["llm_calls"], row["cost_usd"]) == (1, Decimal("0.000195"))
    assert (row["updated_at"], row["pk"] > 0) == (row["created_at"], True)
    assert (row["experiment_id"], row["variant"]) == (None, None)


async def test_the_request_is_done_and_its_record_no_longer_kept(pool: Pool, model: LlmModel) -> None:
    request = await claim_one(pool)
    await store_all(pool, [feed(request, model.llm_model_id, spent=Spending(900, 512, 300, Decimal("0.1")))])
    row = await ledger_row(pool, request.overlay_id)
    assert (row["state"], row["lease_owner"], row["available_at"]) == ("done", None, None)
    assert (row["source_key"], row["source_value"], row["source_headers"]) == (None, None, None)
    assert (row["prompt_tokens"], row["cached_prompt_tokens"], row["completion_tokens"]) == (900, 512, 300)
    assert (row["cost_usd"], row["llm_calls"]) == (Decimal("0.1"), 1)
    assert row["finished_at"] is not None


async def test_the_event_is_in_the_outbox_and_in_the_hands_of_its_writer(pool: Pool, model: LlmModel) -> None:
    written = feed(await claim_one(pool), model.llm_model_id)
    [event] = await store_all(pool, [written])
    assert (event.event_id, event.record) == (written.created_event.event_id, written.created_event.record)
    [row] = await pool.fetch("SELECT *, available_at - now() AS left FROM outbox_events")
    assert (row["outbox_id"], row["payload"]) == (event.outbox_id, written.created_event.record.value)
    assert RELAY_LEASE_S - 10 < row["left"].total_seconds() <= RELAY_LEASE_S


async def test_a_batch_is_stored_as_a_whole(pool: Pool, model: LlmModel) -> None:
    requests = await claim(pool, [new_request() for _ in range(50)])
    events = await store_all(pool, [feed(request, model.llm_model_id) for request in requests])
    assert len({event.event_id for event in events}) == 50
    assert set((await states(pool)).values()) == {"done"}
    assert await count(pool, "instagram_feeds") == 50


async def test_two_results_at_once_make_one_row_and_one_event(pool: Pool, model: LlmModel) -> None:
    request = await claim_one(pool)
    stored = await asyncio.gather(*(store_all(pool, [feed(request, model.llm_model_id)]) for _ in range(10)))
    assert sum(map(len, stored)) == 1
    assert (await count(pool, "instagram_feeds"), await count(pool, "outbox_events")) == (1, 1)


async def test_two_results_in_one_batch_make_one_row_and_one_event(pool: Pool, model: LlmModel) -> None:
    request = await claim_one(pool)
    assert len(await store_all(pool, [feed(request, model.llm_model_id) for _ in range(2)])) == 1
    assert (await count(pool, "instagram_feeds"), await count(pool, "outbox_events")) == (1, 1)


async def test_a_late_result_that_was_paid_for_is_taken_if_there_is_none(pool: Pool, model: LlmModel) -> None:
    [lost] = await claim(pool, [new_request()], lease_s=EXPIRED_S)
    [taken] = await reclaim(pool)
    assert len(await store_all(pool, [feed(lost, model.llm_model_id)])) == 1
    assert await store_all(pool, [feed(taken, model.llm_model_id)]) == []
    assert (await count(pool, "instagram_feeds"), await count(pool, "outbox_events")) == (1, 1)


async def test_a_late_result_is_taken_while_the_request_waits_for_its_next_attempt(pool: Pool, model: LlmModel) -> None:
    request = await claim_one(pool)
    async with connection(pool) as borrowed:
        await postpone(borrowed, [postponement(request, delay_s=60.0)])
    assert len(await store_all(pool, [feed(request, model.llm_model_id)])) == 1
    row = await ledger_row(pool, request.overlay_id)
    assert (row["state"], row["available_at"], row["last_error_reason"]) == ("done", None, None)


async def test_a_late_result_is_dropped_when_the_request_has_failed_meanwhile(pool: Pool, model: LlmModel) -> None:
    [lost] = await claim(pool, [new_request()], lease_s=EXPIRED_S)
    [taken] = await reclaim(pool)
    await fail_all(pool, [failure(taken)])
    assert await store_all(pool, [feed(lost, model.llm_model_id)]) == []
    assert await count(pool, "instagram_feeds") == 0
    assert (await ledger_row(pool, lost.overlay_id))["state"] == "failed"


BROKEN: list[dict[str, Any]] = [
    {"tenant_id": "t" * 256},
    {"instagram_ad_copy": "a\0b"},
    {"instagram_ad_copy": "\ud800"},
    {"gpt_response_raw": '{"a": "\\u0000"}'},
    {"gpt_response_raw": "not json"},
    {"prompt_tokens": 2**31},
    {"prompt_tokens": 2**63},
    {"hashtags": None},
]


@pytest.mark.parametrize("broken", BROKEN, ids=str)
async def test_one_row_the_database_refuses_leaves_the_whole_batch_as_it_was(
    pool: Pool, model: LlmModel, broken: dict[str, Any]
) -> None:
    requests = await claim(pool, [new_request() for _ in range(3)])
    feeds = [feed(request, model.llm_model_id) for request in requests]
    feeds[1] = replace(feeds[1], **broken)
    with pytest.raises(RefusedData):
        await store_all(pool, feeds)
    assert set((await states(pool)).values()) == {"claimed"}
    for table in ("instagram_feeds", "outbox_events", "jobs", "overlay_layouts"):
        assert await count(pool, table) == 0


async def test_missing_jobs_and_overlays_are_made_with_the_feed(pool: Pool, model: LlmModel) -> None:
    job_id = uuid4()
    requests = await claim(pool, [new_request(job_id=job_id), new_request(job_id=job_id), new_request(job_id=None)])
    await pool.execute("INSERT INTO overlay_layouts (overlay_id) VALUES ($1)", requests[0].overlay_id)
    await store_all(pool, [feed(request, model.llm_model_id) for request in requests])
    assert await pool.fetchval("SELECT job_id FROM jobs") == job_id
    assert await count(pool, "overlay_layouts") == 3


async def test_without_leave_to_make_them_missing_rows_are_waited_for(pool: Pool, model: LlmModel) -> None:
    request = await claim_one(pool)
    written = feed(request, model.llm_model_id)
    with pytest.raises(MissingReference):
        await store_all(pool, [written], ensure_references=False)
    assert (await ledger_row(pool, request.overlay_id))["state"] == "claimed"
    await pool.execute("INSERT INTO overlay_layouts (overlay_id) VALUES ($1)", request.overlay_id)
    with pytest.raises(MissingReference):
        await store_all(pool, [written], ensure_references=False)
    await pool.execute("INSERT INTO jobs (job_id) VALUES ($1)", request.job_id)
    assert len(await store_all(pool, [written], ensure_references=False)) == 1


async def test_a_model_row_that_is_gone_is_a_missing_reference_too(pool: Pool) -> None:
    with pytest.raises(MissingReference, match="llm_model"):
        await store_all(pool, [feed(await claim_one(pool), uuid4())])


async def test_an_answer_with_repeated_keys_is_stored_with_the_last(pool: Pool, model: LlmModel) -> None:
    raw = '{"id": "first", "id": "last", "n": 1.50}'
    await store_all(pool, [feed(await claim_one(pool), model.llm_model_id, gpt_response_raw=raw)])
    [row] = await feed_rows(pool)
    assert json.loads(row["gpt_response_raw"]) == {"id": "last", "n": 1.5}


async def test_texts_of_the_greatest_length_are_stored_whole(pool: Pool, model: LlmModel) -> None:
    texts = ("refined_ad_copy_eng", "tone_style", "product_description", "store_information", "gpt_prompt")
    lengths = dict.fromkeys(texts, "가💛" * 10_000)
    raw = json.dumps({"content": "한" * 10_000}, ensure_ascii=False)
    written = feed(await claim_one(pool), model.llm_model_id, **lengths, gpt_response_raw=raw)
    await store_all(pool, [written])
    [row] = await feed_rows(pool)
    assert {name: row[name] for name in texts} == lengths
    assert json.loads(row["gpt_response_raw"]) == json.loads(raw)


async def test_a_cost_keeps_every_digit(pool: Pool, model: LlmModel) -> None:
    cost_usd = Decimal("123456789.123456789123456789")
    written = feed(await claim_one(pool), model.llm_model_id, spent=Spending(1, 0, 1, cost_usd))
    await store_all(pool, [written])
    [row] = await feed_rows(pool)
    assert row["cost_usd"] == cost_usd


async def test_a_new_price_does_not_change_what_stored_posts_cost(pool: Pool, model: LlmModel) -> None:
    await store_all(pool, [feed(await claim_one(pool), model.llm_model_id)])
    async with connection(pool) as borrowed:
        transaction = borrowed.transaction()
        await transaction.start()
        await change_models(borrowed, {model.llm_model_id: {"prompt_token_cost_per_1m": Decimal(15)}})
        costs = await borrowed.fetch(
            "SELECT cost_usd FROM instagram_feeds UNION ALL SELECT cost_usd FROM feed_requests"
        )
        await transaction.rollback()
    assert [row["cost_usd"] for row in costs] == [Decimal("0.000195"), Decimal("0.000195")]


async def test_a_thousand_posts_with_cached_tokens_cost_what_a_hand_calculation_says(
    pool: Pool, model: LlmModel
) -> None:
    requests = await claim(pool, [new_request() for _ in range(1_000)])
    draw = Random(5)
    counts = [(draw.randint(1_024, 3_000), draw.randint(0, 1_024), draw.randint(50, 900)) for _ in requests]
    spent = [
        spending(completion(prompt_tokens=prompt, cached_prompt_tokens=cached, completion_tokens=written), model)
        for prompt, cached, written in counts
    ]
    await store_all(
        pool, [feed(request, model.llm_model_id, spent=each) for request, each in zip(requests, spent, strict=True)]
    )
    # gpt-4o-mini: USD 0.15, 0.075 and 0.60 per 1,000,000 tokens, in units of 0.000000001
    by_hand = sum((prompt - cached) * 150 + cached * 75 + written * 600 for prompt, cached, written in counts)
    assert await pool.fetchval("SELECT sum(cost_usd) FROM instagram_feeds") * 1_000_000_000 == by_hand


async def test_a_failed_request_says_why_and_keeps_its_record(pool: Pool) -> None:
    request = await claim_one(pool)
    given_up = failure(request)
    events = await fail_all(pool, [given_up])
    row = await ledger_row(pool, request.overlay_id)
    assert (row["state"], row["attempts"], row["llm_calls"]) == ("failed", 3, 4)
    assert (row["last_error_reason"], row["last_error_detail"]) == ("llm_refused", "No.")
    assert (row["prompt_tokens"], row["cost_usd"]) == (1_500, Decimal("0.000585"))
    assert row["source_value"] == request.source.value
    assert {event.event_id for event in events} == {event.event_id for event in given_up.events}
    assert await count(pool, "outbox_events") == 2


async def test_a_request_that_failed_for_a_reason_is_opened_again_for_that_reason_alone(pool: Pool) -> None:
    request = await claim_one(pool)
    await fail_all(pool, [failure(request)])
    key = (request.overlay_id, request.revision)
    async with connection(pool) as borrowed:
        assert await reopen_failed(borrowed, [key], reason="llm_bad_request") == []
        assert await reopen_failed(borrowed, [key, (uuid4(), 1)], reason="llm_refused") == [key]
        assert await reopen_failed(borrowed, [key], reason="llm_refused") == []
    row = await ledger_row(pool, request.overlay_id)
    assert (row["state"], row["attempts"], row["llm_calls"], row["finished_at"]) == ("waiting", 2, 4, None)
    [again] = await reclaim(pool)
    assert again.overlay_id == request.overlay_id


async def test_a_failed_request_that_somebody_holds_keeps_no_other_from_being_opened(pool: Pool) -> None:
    held, free = await claim(pool, [new_request(), new_request()])
    await fail_all(pool, [failure(held), failure(free)])
    keys = [(request.overlay_id, request.revision) for request in (held, free)]
    async with pool.acquire() as other, other.transaction(), connection(pool) as borrowed:
        await other.execute("SELECT FROM feed_requests WHERE overlay_id = $1 FOR UPDATE", held.overlay_id)
        async with asyncio.timeout(5):
            assert await reopen_failed(borrowed, keys, reason="llm_refused") == keys[1:]
    async with connection(pool) as borrowed:
        assert await reopen_failed(borrowed, keys, reason="llm_refused") == keys[:1]


async def test_who_lost_the_lease_cannot_fail_the_request(pool: Pool) -> None:
    [lost] = await claim(pool, [new_request()], lease_s=EXPIRED_S)
    [taken] = await reclaim(pool)
    assert await fail_all(pool, [failure(lost)]) == []
    assert (await ledger_row(pool, lost.overlay_id))["state"] == "claimed"
    assert len(await fail_all(pool, [failure(taken)])) == 2


async def test_a_request_that_is_done_does_not_fail_any_more(pool: Pool, model: LlmModel) -> None:
    request = await claim_one(pool)
    await store_all(pool, [feed(request, model.llm_model_id)])
    assert await fail_all(pool, [failure(request)]) == []
    assert (await ledger_row(pool, request.overlay_id))["state"] == "done"


async def test_failures_of_one_batch_keep_their_own_events(pool: Pool) -> None:
    [lost] = await claim(pool, [new_request()], lease_s=EXPIRED_S)
    await reclaim(pool)
    kept = await claim_one(pool)
    failures = [failure(lost), failure(kept, events=(announcement("a"), announcement("b")))]
    assert [event.record.topic for event in await fail_all(pool, failures)] == ["a", "b"]
