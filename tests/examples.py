"""Valid instances of the core's types, each about a new overlay; keyword arguments replace fields."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from consumer.completion import Completion
from repository.llm_models import LlmModel
from repository.requests import ClaimedRequest, NewRequest
from schemas.overlay_completed import OverlayCompleted
from schemas.record import SourceRecord
from tests.kafka_records import encoded, overlay_event


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
        "completion_token_cost_per_1m": Decimal("0.60"),
        "token_limit_parameter": "max_completion_tokens",
        "supports_temperature": True,
        "supports_json_schema": True,
        "reasoning_effort": None,
        "shutdown_date": None,
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
