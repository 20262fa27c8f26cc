"""What becomes of an event when the model's answer is not the post that was asked for."""

import json
from decimal import Decimal
from uuid import uuid4

import pytest

from devstack.simulated_llm.ledger import LedgerCall
from tests.support.kafka_records import encoded, overlay_event
from tests.support.service import Service, texts_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEADERS = [("upstream", b"\xff")]
PROMPT_USD, CACHED_USD, COMPLETION_USD = Decimal("0.15e-6"), Decimal("0.075e-6"), Decimal("0.60e-6")


@pytest.mark.parametrize(
    ("fault", "reason", "billed_calls"),
    [
        ("bad_request", "llm_bad_request", 0),
        ("content_filter", "llm_content_filtered", 1),
        ("refusal", "llm_refused", 1),
        ("length", "llm_truncated", 2),
        ("invalid_json_content", "llm_output_invalid", 2),
        ("schema_violation", "llm_output_invalid", 2),
        ("empty_caption", "llm_output_invalid", 2),
    ],
)
async def test_what_no_further_call_can_mend_fails_and_is_announced_and_dead_lettered(
    service: Service, fault: str, reason: str, billed_calls: int
) -> None:
    event, key = overlay_event(), f"key {uuid4()}".encode()
    overlay_id = str(event["overlay_id"])
    await service.spoil(overlay_id, {"kind": fault})
    await service.send(encoded(event), key=key, headers=HEADERS)

    request = await service.ended(overlay_id)
    assert (request["state"], request["last_error_reason"], request["attempts"]) == ("failed", reason, 1)
    assert await service.rows("instagram_feeds", overlay_id) == []

    calls = await service.calls(overlay_id)
    assert sum(call.billed for call in calls) == billed_calls
    spent_usd = sum(map(usd, calls))
    [record] = await service.announced(service.topics.failed, overlay_id)
    failed = json.loads(record.value)
    assert (failed["reason"], failed["attempts"], failed["llm_calls"]) == (reason, 1, len(calls))
    assert failed["total_tokens"] == sum(call.prompt_tokens + call.completion_tokens for call in calls)
    assert Decimal(failed["cost_usd"]) == spent_usd == request["cost_usd"]
    kept = await service.rows("llm_calls", overlay_id)
    assert sorted(row["call_number"] for row in kept) == list(range(1, len(calls) + 1))
    assert sum(row["cost_usd"] for row in kept) == spent_usd
    assert sum(row["raw_response"] is not None for row in kept) == billed_calls
    assert texts_of([record])[0]["ce_type"] == "instagram_feed.failed"

    [letter] = await service.dead_letters_of(key)
    assert (letter.value, letter.headers[:1]) == (encoded(event), tuple(HEADERS))
    told = {name: text.decode() for name, text in letter.headers[1:]}
    assert (told["dlq_reason"], told["dlq_stage"], told["dlq_attempts"]) == (reason, "worker", "1")
    assert told["dlq_detail"] == request["last_error_detail"] == failed["detail"]


async def test_a_refusal_is_told_in_the_model_s_words(service: Service) -> None:
    event = overlay_event()
    await service.spoil(str(event["overlay_id"]), {"kind": "refusal"})
    await service.send(encoded(event))
    assert "도와드릴 수 없습니다" in (await service.ended(str(event["overlay_id"])))["last_error_detail"]


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("invalid_json_content", "The answer is not valid JSON"),
        ("schema_violation", '"instagram_ad_copy" must be a string'),
        ("many_mentions", "21 @-mentions; at most 3"),
        ("empty_caption", "instagram_ad_copy is empty"),
    ],
)
async def test_a_bad_answer_is_mended_by_one_call_that_quotes_the_problem(
    service: Service, fault: str, problem: str
) -> None:
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await service.spoil(overlay_id, {"kind": fault, "first": 1})
    await service.send(encoded(event))
    feed = await service.feed(overlay_id)
    first, second = await service.calls(overlay_id)
    assert (first.attempt, second.attempt, feed["llm_calls"]) == (1, 2, 2)
    before, _, repair = feed["gpt_prompt_used"].rpartition("\n\n[user]\n")
    assert problem in repair
    assert "\n\n[assistant]\n" in before
    assert json.loads(feed["gpt_response_raw"])["id"] == second.completion_id
    assert (feed["prompt_tokens"], feed["completion_tokens"]) == (second.prompt_tokens, second.completion_tokens)
    assert feed["cost_usd"] == usd(first) + usd(second)


async def test_an_answer_cut_off_is_asked_for_again_with_twice_the_room(service: Service) -> None:
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await service.spoil(overlay_id, {"kind": "length", "first": 1})
    await service.send(encoded(event))
    feed = await service.feed(overlay_id)
    assert (feed["used_max_tokens"], feed["llm_calls"]) == (2_000, 2)
    assert "[assistant]" not in feed["gpt_prompt_used"]


async def test_an_answer_may_be_cut_off_once_and_mended_once(service: Service) -> None:
    """A caption of 3,000 characters does not fit into 1,000 tokens; it fits into 2,000, but not into a post."""
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await service.spoil(overlay_id, {"kind": "caption_3000", "first": 2})
    await service.send(encoded(event))
    feed = await service.feed(overlay_id)
    assert (feed["used_max_tokens"], feed["llm_calls"]) == (2_000, 3)
    assert "at most 2200 are allowed" in feed["gpt_prompt_used"]


async def test_surplus_hashtags_are_cut_without_another_call(service: Service) -> None:
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await service.spoil(overlay_id, {"kind": "hashtags_31"})
    await service.send(encoded(event))
    feed = await service.feed(overlay_id)
    assert len(feed["hashtags"].split()) == 5
    assert len(await service.calls(overlay_id)) == 1


async def test_a_nul_in_an_answer_is_no_reason_not_to_store_it(service: Service) -> None:
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await service.spoil(overlay_id, {"kind": "nul_character"})
    await service.send(encoded(event))
    feed = await service.feed(overlay_id)
    assert "\0" not in feed["instagram_ad_copy"]
    assert feed["llm_calls"] == 1


def usd(call: LedgerCall) -> Decimal:
    """What the provider charges for a call."""
    fresh = call.prompt_tokens - call.cached_prompt_tokens
    return fresh * PROMPT_USD + call.cached_prompt_tokens * CACHED_USD + call.completion_tokens * COMPLETION_USD
