"""Valid instances of the core's types, each about a new overlay; keyword arguments replace fields."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from consumer.llm.completion import Completion
from consumer.pipeline.outcomes import Answer, Call
from repository.feeds import Failure, Feed
from repository.llm_calls import LlmCall
from repository.llm_models import LlmModel
from repository.operations.feed_queries import StoredFeed
from repository.outbox import NewOutboxEvent
from repository.requests import ClaimedRequest, NewRequest, Postponement
from repository.spending import Spending
from schemas.call_verdict import CallVerdict
from schemas.overlay_completed import OverlayCompleted
from schemas.record import OutgoingRecord, SourceRecord
from tests.support.kafka_records import encoded, overlay_event


def overlay_completed(**changes: object) -> OverlayCompleted:
    """A decoded event; `changes` as for `overlay_event`."""
    return OverlayCompleted.model_validate_json(encoded(overlay_event(**changes)))


def source_record(value: bytes | None = None, **changes: object) -> SourceRecord:
    """The record of a valid event at overlay.completed/3/41."""
    fields: dict[str, Any] = {
        "topic": "overlay.completed",
        "partition": 3,
        "offset": 41,
        "timestamp_ms": 1_793_520_000_000,
        "key": b"key",
        "value": encoded(overlay_event()) if value is None else value,
        "headers": (),
        **changes,
    }
    return SourceRecord(**fields)


def new_request(overlay_id: UUID | None = None, **changes: object) -> NewRequest:
    """A request as the intake enters it."""
    fields: dict[str, Any] = {
        "overlay_id": overlay_id or uuid4(),
        "revision": 1,
        "tenant_id": "store-apparel-1",
        "job_id": uuid4(),
        "event_id": "event-1",
        "source": source_record(),
        **changes,
    }
    return NewRequest(**fields)


def claimed_request(**changes: object) -> ClaimedRequest:
    """A request whose lease this process holds; no attempt made yet."""
    fields: dict[str, Any] = {
        "overlay_id": uuid4(),
        "revision": 1,
        "fencing_token": 1,
        "tenant_id": "store-apparel-1",
        "job_id": uuid4(),
        "event_id": "event-1",
        "source": source_record(),
        **changes,
    }
    return ClaimedRequest(**fields)


def llm_model(**changes: object) -> LlmModel:
    """gpt-4o-mini as its row has it."""
    fields: dict[str, Any] = {
        "llm_model_id": uuid4(),
        "provider": "openai",
        "model_name": "gpt-4o-mini",
        "model_version": "2024-07-18",
        "default_temperature": 0.7,
        "default_max_tokens": 1_000,
        "prompt_token_cost_per_1m": Decimal("0.15"),
        "cached_prompt_token_cost_per_1m": Decimal("0.075"),
        "cache_write_prompt_token_cost_per_1m": None,
        "completion_token_cost_per_1m": Decimal("0.60"),
        "token_limit_parameter": "max_completion_tokens",
        "supports_temperature": True,
        "max_temperature": None,
        "supports_json_schema": True,
        "supports_store": True,
        "reasoning_effort": None,
        "shutdown_date": None,
        "description": None,
        "is_active": True,
        **changes,
    }
    return LlmModel(**fields)


def completion(**changes: object) -> Completion:
    """A usable answer of 500 prompt and 200 completion tokens."""
    fields: dict[str, Any] = {
        "content": '{"instagram_ad_copy": "가을 니트 💛", "hashtags": "#가을 #니트"}',
        "refusal": None,
        "finish_reason": "stop",
        "raw": '{"id": "chatcmpl-1"}',
        "usage": '{"prompt_tokens": 500, "completion_tokens": 200, "total_tokens": 700}',
        "prompt_tokens": 500,
        "cached_prompt_tokens": 0,
        "completion_tokens": 200,
        "total_tokens": 700,
        "latency_ms": 812.25,
        **changes,
    }
    return Completion(**fields)


def answer(**changes: object) -> Answer:
    """A usable answer to the first call for a request, of 1,000 tokens at most; `changes` are the call's."""
    fields: dict[str, Any] = {
        "number": 1,
        "called_at": datetime(2026, 11, 1, 9, tzinfo=UTC),
        "model": llm_model(),
        "temperature": 0.7,
        "max_tokens": 1_000,
        "prompt": "[system]\n…\n\n[user]\n…",
        "prompt_version": "feed-post-1",
        **changes,
    }
    return Answer.to(Call(**fields), completion())


def llm_call(request: ClaimedRequest, llm_model_id: UUID, **changes: object) -> LlmCall:
    """The first call for this request, whose answer was no post."""
    fields: dict[str, Any] = {
        "overlay_id": request.overlay_id,
        "revision": request.revision,
        "fencing_token": request.fencing_token,
        "call_number": 1,
        "llm_model_id": llm_model_id,
        "called_at": datetime(2026, 11, 1, 9, tzinfo=UTC),
        "raw_response": b'{"choices": []}',
        "finish_reason": "stop",
        "prompt_tokens": 500,
        "completion_tokens": 200,
        "cached_prompt_tokens": 0,
        "cost_usd": Decimal("0.000195"),
        "latency_ms": 812.25,
        "verdict": CallVerdict.UNUSABLE,
        "detail": "hashtags: must be a string",
        "used_temperature": 0.7,
        "used_max_tokens": 1_000,
        "prompt_version": "feed-post-1",
        "gpt_prompt_used": "[system]\n…\n\n[user]\n…",
        "event_digest": sha256(request.source.value or b"").digest(),
        **changes,
    }
    return LlmCall(**fields)


def announcement(topic: str = "instagram_feed.created") -> NewOutboxEvent:
    """An event for the outbox that no other is like."""
    event_id = uuid4()
    headers = (("ce_id", str(event_id).encode()), ("content-type", b"application/json"))
    record = OutgoingRecord(topic, b"key", json.dumps({"event_id": str(event_id)}).encode(), headers)
    return NewOutboxEvent(event_id, record)


def feed(request: ClaimedRequest, llm_model_id: UUID, **changes: object) -> Feed:
    """A written post for this request, with its created event."""
    fields: dict[str, Any] = {
        "instagram_feed_id": uuid4(),
        "overlay_id": request.overlay_id,
        "revision": request.revision,
        "job_id": request.job_id,
        "llm_model_id": llm_model_id,
        "tenant_id": request.tenant_id,
        "refined_ad_copy_eng": "Ocean Blue Shirt",
        "tone_style": "다정한 말투",
        "product_description": "Cotton shirt",
        "store_information": "오션앤코 성수점",
        "gpt_prompt": "짧게",
        "instagram_ad_copy": "가을 니트 💛\n\n지금 만나보세요",
        "hashtags": "#가을 #니트",
        "used_temperature": 0.7,
        "used_max_tokens": 1_000,
        "gpt_prompt_used": "[system]\n…\n\n[user]\n…",
        "gpt_response_raw": '{"id": "chatcmpl-1", "usage": {"total_tokens": 700}}',
        "latency_ms": 812.25,
        "prompt_tokens": 500,
        "completion_tokens": 200,
        "total_tokens": 700,
        "token_usage": '{"prompt_tokens": 500, "completion_tokens": 200, "total_tokens": 700}',
        "created_at": datetime(2026, 11, 1, 9, 0, 1, 250_000, UTC),
        "prompt_version": "feed-post-1",
        "llm_calls": 1,
        "source_event_id": request.event_id,
        "quality": "[]",
        "spent": Spending(500, 0, 200, Decimal("0.000195")),
        "created_event": announcement(),
        **changes,
    }
    return Feed(**fields)


def stored_feed(**changes: object) -> StoredFeed:
    """A post as it is read from its table, the first revision of an overlay."""
    fields: dict[str, Any] = {
        "instagram_feed_id": uuid4(),
        "overlay_id": uuid4(),
        "revision": 1,
        "job_id": uuid4(),
        "tenant_id": "store-apparel-1",
        "instagram_ad_copy": "가을 저녁의 차 한 잔",
        "hashtags": "#차 #가을",
        "model_name": "gpt-4o-mini",
        "prompt_tokens": 500,
        "completion_tokens": 100,
        "total_tokens": 600,
        "latency_ms": 812.25,
        "llm_calls": 1,
        "cost_usd": Decimal("0.000135"),
        "created_at": datetime(2026, 11, 22, 9, tzinfo=UTC),
        "updated_at": datetime(2026, 11, 22, 9, tzinfo=UTC),
        "llm_model_id": uuid4(),
        "provider": "openai",
        "model_version": "2024-07-18",
        "refined_ad_copy_eng": "Tea",
        "tone_style": "차분하게",
        "product_description": "차",
        "store_information": "다선당",
        "gpt_prompt": "",
        "gpt_prompt_used": "",
        "gpt_response_raw": "{}",
        "token_usage": "{}",
        "used_temperature": 0.7,
        "used_max_tokens": 1_000,
        "prompt_version": "feed-post-1",
        "experiment_id": None,
        "experiment_name": None,
        "variant": None,
        "source_event_id": "demo-01",
        "origin": "event",
        "replay_id": None,
        "based_on_feed_id": None,
        "quality": "[]",
        **changes,
    }
    return StoredFeed(**fields)


def postponement(request: ClaimedRequest, **changes: object) -> Postponement:
    """This request given back after a call that failed, due at once."""
    fields: dict[str, Any] = {
        "overlay_id": request.overlay_id,
        "revision": request.revision,
        "fencing_token": request.fencing_token,
        "delay_s": 0.0,
        "attempts": 2,
        "llm_calls": 3,
        "unrecorded_call": False,
        "spent": Spending(1_500, 1_024, 300, Decimal("0.00032820")),
        "reason": "llm_unavailable",
        "detail": "HTTP 500",
        **changes,
    }
    return Postponement(**fields)


def failure(request: ClaimedRequest, **changes: object) -> Failure:
    """The end of this request without a post, with its two events."""
    fields: dict[str, Any] = {
        "overlay_id": request.overlay_id,
        "revision": request.revision,
        "fencing_token": request.fencing_token,
        "attempts": 3,
        "llm_calls": 4,
        "spent": Spending(1_500, 0, 600, Decimal("0.000585")),
        "reason": "llm_refused",
        "detail": "No.",
        "events": (announcement("instagram_feed.failed"), announcement("overlay.completed.dlq")),
        **changes,
    }
    return Failure(**fields)
