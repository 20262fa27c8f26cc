"""From outcomes to rows and events, without a database or a broker."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from consumer.pipeline.feed_events import FeedEventBuilder
from consumer.pipeline.outcomes import Rejected, Usage, Written
from consumer.pipeline.tracing.traces import Traces
from consumer.post.editor import EditedPost
from consumer.post.prompt import BUILT_IN_INSTRUCTION, PromptTemplate
from repository.outbox import NewOutboxEvent
from repository.spending import Spending
from schemas.ids import created_event_id, failed_event_id
from schemas.post import InstagramPost
from schemas.reasons import Reason
from tests.support.examples import answer, claimed_request, llm_model, overlay_completed, source_record

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TEMPLATE = PromptTemplate(language="ko", max_hashtags=5)
MODEL = llm_model()
ANNOUNCER = FeedEventBuilder(
    created_topic="created",
    failed_topic="failed",
    dead_letter_topic="dead",
    traces=Traces(),
)
SPENT = Spending(1_700, 1_024, 410, Decimal("0.0004233"))


def written(**event: object) -> Written:
    decoded = overlay_completed(**event)
    request = claimed_request(
        overlay_id=decoded.overlay_id,
        job_id=decoded.job_id,
        tenant_id=decoded.tenant_id,
        source=source_record(headers=(("traceparent", f"00-{TRACE_ID}-b7ad6b7169203331-01".encode()),)),
    )
    return Written(
        request=request,
        usage=Usage(2, SPENT),
        event=decoded,
        edited=EditedPost(InstagramPost("가을 니트 💛", "#가을 #니트")),
        answer=answer(model=MODEL, max_tokens=2_000, prompt_version=TEMPLATE.version),
    )


def rejected() -> Rejected:
    return Rejected(
        request=claimed_request(fencing_token=3),
        usage=Usage(4, SPENT),
        attempts=2,
        reason=Reason.LLM_REFUSED,
        detail="No.",
    )


def value_of(announcement: NewOutboxEvent) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(announcement.record.value or b"")
    return value


def headers_of(announcement: NewOutboxEvent) -> Mapping[str, bytes | None]:
    return dict(announcement.record.headers)


def test_a_feed_row_says_what_was_asked_answered_and_used() -> None:
    outcome = written()
    feed = ANNOUNCER.feed(outcome)
    assert (feed.instagram_ad_copy, feed.hashtags) == ("가을 니트 💛", "#가을 #니트")
    assert (feed.used_temperature, feed.used_max_tokens) == (0.7, 2_000)
    assert (feed.gpt_prompt_used, feed.prompt_version) == (outcome.answer.call.prompt, TEMPLATE.version)
    assert (feed.gpt_response_raw, feed.token_usage) == (outcome.answer.completion.raw, outcome.answer.completion.usage)
    assert (feed.source_event_id, feed.llm_model_id) == (outcome.request.event_id, MODEL.llm_model_id)


def test_tokens_are_the_last_call_s_and_the_cost_is_that_of_all_calls() -> None:
    feed = ANNOUNCER.feed(written())
    assert (feed.prompt_tokens, feed.completion_tokens, feed.total_tokens) == (500, 200, 700)
    assert (feed.llm_calls, feed.spent) == (2, SPENT)
    metrics = value_of(feed.created_event)["metrics"]
    assert (metrics["prompt_tokens"], metrics["total_tokens"], metrics["llm_calls"]) == (500, 700, 2)
    assert metrics["cost_usd"] == "0.0004233"


def test_the_instruction_that_counted_is_stored() -> None:
    assert ANNOUNCER.feed(written(gpt_prompt="")).gpt_prompt == BUILT_IN_INSTRUCTION
    assert ANNOUNCER.feed(written(gpt_prompt="짧게")).gpt_prompt == "짧게"


def test_the_model_of_the_call_is_told_not_a_preferred_one() -> None:
    fallback = llm_model(provider="anthropic", model_name="claude-haiku-5-5", model_version=None)
    call = answer(model=fallback, temperature=None, max_tokens=800, prompt_version=TEMPLATE.version)
    feed = ANNOUNCER.feed(replace(written(), answer=call))

    assert (feed.llm_model_id, feed.used_temperature, feed.used_max_tokens) == (fallback.llm_model_id, None, 800)
    assert value_of(feed.created_event)["llm"] == {
        "llm_model_id": str(fallback.llm_model_id),
        "provider": "anthropic",
        "model_name": "claude-haiku-5-5",
        "model_version": None,
        "used_temperature": None,
        "used_max_tokens": 800,
        "prompt_version": TEMPLATE.version,
    }


def test_the_created_event_tells_the_same_as_the_row() -> None:
    outcome = written()
    feed = ANNOUNCER.feed(outcome)
    created = value_of(feed.created_event)
    assert feed.created_event.record.topic == "created"
    assert feed.created_event.record.key == str(outcome.request.overlay_id).encode()
    assert created["event_id"] == str(feed.created_event.event_id)
    assert UUID(created["event_id"]) == created_event_id(feed.instagram_feed_id)
    for name in ("instagram_feed_id", "overlay_id", "job_id"):
        assert created[name] == str(getattr(feed, name))
    for name in ("tenant_id", "revision", "instagram_ad_copy", "hashtags"):
        assert created[name] == getattr(feed, name)
    assert created["source"] == {
        "event_id": outcome.request.event_id,
        "topic": "overlay.completed",
        "partition": 3,
        "offset": 41,
    }


def test_the_trace_of_the_event_is_continued_in_a_span_of_its_own() -> None:
    traceparent = headers_of(ANNOUNCER.feed(written()).created_event)["traceparent"] or b""
    version, trace_id, span_id, flags = traceparent.decode().split("-")
    assert (version, trace_id, flags) == ("00", TRACE_ID, "01")
    assert span_id != "b7ad6b7169203331"


def test_the_time_from_end_to_end_counts_from_the_event_and_is_never_negative() -> None:
    of_last_year = value_of(ANNOUNCER.feed(written(occurred_at="2025-11-01T09:00:00Z")).created_event)
    of_next_century = value_of(ANNOUNCER.feed(written(occurred_at="2125-11-01T09:00:00Z")).created_event)
    undated = value_of(ANNOUNCER.feed(written(occurred_at=None)).created_event)
    assert of_last_year["metrics"]["end_to_end_ms"] > undated["metrics"]["end_to_end_ms"]
    assert of_next_century["metrics"]["end_to_end_ms"] == 0


@pytest.mark.parametrize("timestamp_ms", [-1, 0])
def test_without_any_time_of_the_event_none_is_told_from_end_to_end(timestamp_ms: int) -> None:
    outcome = written(occurred_at=None)
    undated = replace(outcome.request, source=replace(outcome.request.source, timestamp_ms=timestamp_ms))
    created = value_of(ANNOUNCER.feed(replace(outcome, request=undated)).created_event)
    assert created["metrics"]["end_to_end_ms"] is None


def test_a_failure_is_announced_with_a_failed_event_and_a_dead_letter() -> None:
    outcome = rejected()
    failure = ANNOUNCER.failure(outcome)
    failed, letter = failure.events
    assert (failed.record.topic, letter.record.topic) == ("failed", "dead")
    assert failed.event_id == failed_event_id(failure.overlay_id, failure.revision, 3) != letter.event_id
    told = value_of(failed)
    assert (told["reason"], told["detail"], told["attempts"]) == ("llm_refused", "No.", 2)
    assert (told["llm_calls"], told["total_tokens"], told["cost_usd"]) == (4, 2_110, "0.0004233")
    assert headers_of(failed)["ce_type"] == b"instagram_feed.failed"
    assert (letter.record.key, letter.record.value) == (outcome.request.source.key, outcome.request.source.value)
    assert headers_of(letter)["dlq_reason"] == b"llm_refused"
    assert headers_of(letter)["dlq_stage"] == b"worker"


def test_the_failure_of_another_claim_is_another_event() -> None:
    outcome = rejected()
    again = replace(outcome, request=replace(outcome.request, fencing_token=4))
    one, other = ANNOUNCER.failure(outcome).events, ANNOUNCER.failure(again).events
    assert {event.event_id for event in one}.isdisjoint(event.event_id for event in other)
    same = ANNOUNCER.failure(outcome).events
    assert [event.event_id for event in one] == [event.event_id for event in same]
