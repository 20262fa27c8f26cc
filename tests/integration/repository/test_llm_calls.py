"""Kept calls on a real Postgres: written with the outcome they ended in, once, whoever else was faster."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from repository.feeds import fail, store
from repository.llm_calls import MOST_JUDGED_AGAIN, LlmCall, keep_superseded, kept_answers
from repository.llm_models import LlmModel
from repository.pool import Pool, connection
from repository.requests import ClaimedRequest, Postponement, postpone
from repository.spending import Spending
from tests.support.examples import failure, feed, llm_call, new_request
from tests.support.ledger import EXPIRED_S, claim, count, ledger_row, reclaim

LEASE_S = 30.0


async def claim_one(pool: Pool, **options: Any) -> ClaimedRequest:  # noqa: ANN401 - those of claim
    [request] = await claim(pool, [new_request()], **options)
    return request


async def store_one(pool: Pool, request: ClaimedRequest, model: LlmModel, **changes: object) -> None:
    async with connection(pool) as borrowed:
        post = feed(request, model.llm_model_id, **changes)
        await store(borrowed, [post], ensure_references=True, relay_lease_s=LEASE_S)


async def fail_one(pool: Pool, request: ClaimedRequest, *calls: LlmCall) -> None:
    async with connection(pool) as borrowed:
        await fail(borrowed, [failure(request, unused_calls=calls)], relay_lease_s=LEASE_S)


async def postpone_one(pool: Pool, request: ClaimedRequest, *calls: LlmCall, spent: Spending | None = None) -> None:
    later = Postponement(
        overlay_id=request.overlay_id,
        revision=request.revision,
        fencing_token=request.fencing_token,
        delay_s=60,
        attempts=1,
        llm_calls=1,
        unrecorded_call=False,
        spent=spent or Spending(),
        reason="llm_unavailable",
        detail="",
        unused_calls=calls,
    )
    async with connection(pool) as borrowed:
        await postpone(borrowed, [later])


async def kept_for(pool: Pool, *requests: ClaimedRequest) -> dict[UUID, list[LlmCall]]:
    async with connection(pool) as borrowed:
        found = await kept_answers(borrowed, [(request.overlay_id, request.revision) for request in requests])
    return {overlay_id: [one.call for one in answers] for (overlay_id, _), answers in found.items()}


async def test_each_kind_of_outcome_keeps_its_calls_with_every_column(pool: Pool, model: LlmModel) -> None:
    requests = [await claim_one(pool) for _ in range(3)]
    calls = [llm_call(request, model.llm_model_id) for request in requests]
    stored, postponed, failed = requests
    await store_one(pool, stored, model, unused_calls=(calls[0],))
    await postpone_one(pool, postponed, calls[1])
    await fail_one(pool, failed, calls[2])
    assert await kept_for(pool, *requests) == {call.overlay_id: [call] for call in calls}


async def test_what_is_unknown_of_a_call_and_of_all_calls_stays_unknown(pool: Pool, model: LlmModel) -> None:
    request = await claim_one(pool)
    unknown: dict[str, Any] = dict.fromkeys(("prompt_tokens", "completion_tokens", "cached_prompt_tokens", "cost_usd"))
    await postpone_one(pool, request, llm_call(request, model.llm_model_id, **unknown), spent=Spending(*4 * [None]))
    row = dict(await pool.fetchrow("SELECT * FROM llm_calls") or {})
    assert {name: row[name] for name in unknown} == unknown
    ledger = await ledger_row(pool, request.overlay_id)
    assert (ledger["prompt_tokens"], ledger["completion_tokens"], ledger["cost_usd"]) == (None, None, None)
    await pool.execute("UPDATE feed_requests SET available_at = now()")
    assert (await reclaim(pool))[0].spent == Spending(*4 * [None])


async def test_a_statement_sent_again_keeps_a_call_once(pool: Pool, model: LlmModel) -> None:
    request = await claim_one(pool)
    call = llm_call(request, model.llm_model_id)
    for _ in range(2):
        await fail_one(pool, request, call)
    assert await count(pool, "llm_calls") == 1


async def test_the_calls_of_a_process_that_lost_its_lease_are_kept_too(pool: Pool, model: LlmModel) -> None:
    lost = await claim_one(pool, lease_s=EXPIRED_S)
    [taken] = await reclaim(pool)
    await postpone_one(pool, lost, llm_call(lost, model.llm_model_id))
    await fail_one(pool, lost, llm_call(lost, model.llm_model_id, call_number=2))
    await fail_one(pool, taken, llm_call(taken, model.llm_model_id))
    assert [row["fencing_token"] for row in await pool.fetch("SELECT * FROM llm_calls ORDER BY 3")] == [1, 1, 2]


async def test_a_kept_answer_that_became_the_post_is_no_row_any_more(pool: Pool, model: LlmModel) -> None:
    request = await claim_one(pool)
    calls = [llm_call(request, model.llm_model_id, call_number=number) for number in (1, 2)]
    await postpone_one(pool, request, *calls)
    await pool.execute("UPDATE feed_requests SET available_at = now()")
    [again] = await reclaim(pool)
    await store_one(pool, again, model, kept_fencing_token=1, kept_call_number=2)
    assert await kept_for(pool, request) == {request.overlay_id: calls[:1]}


async def test_a_kept_answer_whose_post_came_second_stays(pool: Pool, model: LlmModel) -> None:
    request = await claim_one(pool)
    await store_one(pool, request, model, unused_calls=(llm_call(request, model.llm_model_id),))
    await store_one(pool, request, model, kept_fencing_token=1, kept_call_number=1)
    assert await count(pool, "llm_calls") == 1


async def test_of_posts_that_came_second_the_calls_are_kept_and_of_those_stored_unnoticed_not(
    pool: Pool, model: LlmModel
) -> None:
    unnoticed, second = await claim_one(pool), await claim_one(pool)
    feed_id = uuid4()
    await store_one(pool, unnoticed, model, instagram_feed_id=feed_id)
    calls = {feed_id: llm_call(unnoticed, model.llm_model_id), uuid4(): llm_call(second, model.llm_model_id)}
    for _ in range(2):
        async with connection(pool) as borrowed:
            await keep_superseded(borrowed, calls)
    assert [row["overlay_id"] for row in await pool.fetch("SELECT overlay_id FROM llm_calls")] == [second.overlay_id]


async def test_the_newest_answers_come_first_and_not_too_many(pool: Pool, model: LlmModel) -> None:
    request, other = await claim_one(pool), await claim_one(pool)
    begun = datetime(2026, 11, 1, tzinfo=UTC)
    calls: Sequence[LlmCall] = [
        llm_call(request, model.llm_model_id, call_number=number, called_at=begun + timedelta(minutes=number))
        for number in range(1, MOST_JUDGED_AGAIN + 3)
    ]
    without_answer = llm_call(request, model.llm_model_id, call_number=99, raw_response=None)
    await fail_one(pool, request, *calls, without_answer)
    assert await kept_for(pool, request, other) == {request.overlay_id: [*calls][: -MOST_JUDGED_AGAIN - 1 : -1]}


async def test_an_answer_of_a_model_that_is_gone_is_not_judged_again(pool: Pool) -> None:
    request = await claim_one(pool)
    await fail_one(pool, request, llm_call(request, uuid4()))
    assert await kept_for(pool, request) == {}


async def test_an_answer_whose_verdict_somebody_wrote_by_hand_is_not_judged_again(pool: Pool, model: LlmModel) -> None:
    request = await claim_one(pool)
    await fail_one(pool, request, llm_call(request, model.llm_model_id))
    await pool.execute("UPDATE llm_calls SET verdict = 'nonsense'")
    assert await kept_for(pool, request) == {}


@pytest.mark.parametrize("verdict", ["unusable", "unreadable"])
async def test_a_body_of_any_bytes_is_kept_as_received(pool: Pool, model: LlmModel, verdict: str) -> None:
    request, raw = await claim_one(pool), bytes(range(256))
    await fail_one(pool, request, llm_call(request, model.llm_model_id, raw_response=raw, verdict=verdict))
    assert await pool.fetchval("SELECT raw_response FROM llm_calls") == raw
