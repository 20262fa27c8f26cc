"""What was paid for once is judged again before anything else is paid for."""

import json
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from uuid import UUID

import pytest

from consumer.operations.delivery import Deliveries, Delivery
from consumer.operations.retrying import retry
from consumer.settings import TopicSettings
from devstack.simulated_llm.control import SimulatedLlmControl
from repository.feeds import fail
from repository.llm_models import find_active
from repository.operations.request_queries import RequestFilter
from repository.pool import Pool, connection, open_pool
from repository.requests import ClaimedRequest, NewRequest
from repository.spending import Spending
from schemas.request_state import RequestState
from tests.support.application import Application, application
from tests.support.batches import QUICK
from tests.support.examples import failure, llm_call, new_request, source_record
from tests.support.kafka_records import encoded, overlay_event
from tests.support.ledger import EXPIRED_S, claim, count, states, until_take_overs
from tests.support.waiting import eventually

FAILED = 100
POST = json.dumps({"instagram_ad_copy": "가을 니트 💛", "hashtags": ["#가을", "#니트"]}, ensure_ascii=False)
USABLE = json.dumps(
    {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": POST}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 500, "completion_tokens": 200, "total_tokens": 700},
    },
    ensure_ascii=False,
).encode()
REFUSAL = USABLE.replace(b'"role"', b'"refusal": "I cannot.", "role"')
SPENT = Spending(500, 0, 200, Decimal("0.000195"))


@pytest.fixture
async def pool(feed_env: Mapping[str, str], llm: SimulatedLlmControl) -> AsyncIterator[Pool]:
    """Connections to the database of the test's application."""
    await llm.set_latency("constant:0.02")
    pool = await open_pool(feed_env["DATABASE_URL"], size=2, application_name="tests")
    yield pool
    await pool.close()


def request() -> NewRequest:
    """A request whose record is about its overlay."""
    event = overlay_event()
    return new_request(UUID(str(event["overlay_id"])), source=source_record(encoded(event)))


async def fail_with_answer(
    pool: Pool, requests: list[ClaimedRequest], raw_response: bytes, delivery: Delivery | None = None
) -> None:
    """End requests as a rule did that refused this answer, and have them tried again."""
    async with connection(pool) as borrowed:
        model = await find_active(borrowed, "gpt-4o-mini")
        failures = [
            failure(
                one,
                reason="llm_output_invalid",
                llm_calls=1,
                spent=SPENT,
                unused_calls=(llm_call(one, model.llm_model_id, raw_response=raw_response),),
            )
            for one in requests
        ]
        await fail(borrowed, failures, relay_lease_s=60)
        wanted, deliveries = RequestFilter(state=RequestState.FAILED), Deliveries(borrowed, delivery)
        assert len((await retry(borrowed, wanted, deliveries, TopicSettings())).overlay_ids) == len(requests)


async def sweep(consumer: Application, *, until: int) -> None:
    """Take what is due, until so many were taken."""
    taken = 0
    while taken < until:
        taken += await consumer.app.sweeper.run_once()
    await consumer.finish()


async def test_a_hundred_failed_requests_with_usable_answers_are_stored_without_a_call_after_a_rule_change(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    await fail_with_answer(pool, await claim(pool, [request() for _ in range(FAILED)]), USABLE)
    async with application(feed_env) as consumer:
        await sweep(consumer, until=FAILED)

    assert list((await states(pool)).values()) == ["done"] * FAILED
    assert (await llm.ledger()).calls == []
    rows = await pool.fetch("SELECT * FROM instagram_feeds")
    assert len(rows) == FAILED
    assert {(row["instagram_ad_copy"], row["llm_calls"], row["cost_usd"]) for row in rows} == {
        ("가을 니트 💛", 1, SPENT.cost_usd)
    }
    assert {(row["total_tokens"], row["latency_ms"], row["prompt_version"]) for row in rows} == {
        (700, 812.25, "feed-post-1")
    }
    assert await count(pool, "llm_calls") == 0, "their answers became posts"


async def test_what_goes_by_batch_when_it_is_tried_again_is_not_sent_where_its_kept_answer_is_usable(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    usable, useless = await claim(pool, [request(), request()])
    await fail_with_answer(pool, [useless], REFUSAL, Delivery.BATCH)
    await fail_with_answer(pool, [usable], USABLE, Delivery.BATCH)
    async with application(feed_env, **QUICK) as consumer:
        await eventually(consumer.app.batches.run_once, 20)
        await sweep(consumer, until=1)

    assert await states(pool) == {usable.overlay_id: "done", useless.overlay_id: "batched"}
    lines = await pool.fetch("SELECT overlay_id FROM llm_batch_lines")
    assert [line["overlay_id"] for line in lines] == [useless.overlay_id]


async def test_only_where_no_kept_answer_is_usable_a_call_is_paid(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    usable, useless = await claim(pool, [request(), request()])
    await fail_with_answer(pool, [useless], REFUSAL)
    await fail_with_answer(pool, [usable], USABLE)
    async with application(feed_env) as consumer:
        await sweep(consumer, until=2)

    assert set((await states(pool)).values()) == {"done"}
    assert [call.overlay_id for call in (await llm.ledger()).calls] == [str(useless.overlay_id)]
    assert [row["overlay_id"] for row in await pool.fetch("SELECT overlay_id FROM llm_calls")] == [useless.overlay_id]


async def test_a_process_that_takes_over_judges_what_the_lost_one_had_left(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    [lost] = await claim(pool, [request()], lease_s=EXPIRED_S)
    async with connection(pool) as borrowed:
        model = await find_active(borrowed, "gpt-4o-mini")
    await pool.execute("UPDATE feed_requests SET llm_calls = 1, fencing_token = 2")
    call = llm_call(lost, model.llm_model_id, raw_response=USABLE)
    async with connection(pool) as borrowed:
        # of an earlier handling: the statement keeps the calls of a lease that is lost
        await fail(borrowed, [failure(lost, unused_calls=(call,))], relay_lease_s=60)
    await until_take_overs(pool, lease_s=2)
    async with application(feed_env, LEASE_S="2") as consumer:
        await sweep(consumer, until=1)
    assert set((await states(pool)).values()) == {"done"}
    assert (await llm.ledger()).calls == []
