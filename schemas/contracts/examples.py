"""The examples in the schemas: one event of each kind, as written by producers or this program's own encoders."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json

from schemas.cloudevents import TraceContext, continue_trace, outgoing_headers
from schemas.dead_letter import dead_letter
from schemas.event_source import EventSource
from schemas.ids import created_event_id, failed_event_id
from schemas.instagram_feed_created import ExperimentArm, FeedMetrics, InstagramFeedCreated, LlmUsed, Publishing
from schemas.instagram_feed_failed import InstagramFeedFailed
from schemas.reasons import Reason
from schemas.record import Headers, SourceRecord

_OVERLAY_ID: Final = UUID("235d285b-c5d2-5c51-9d38-6f0dc8eb3c63")
_JOB_ID: Final = UUID("e32e130b-ebbf-53c3-bd5a-dbbcccad576b")
_FEED_ID: Final = UUID("019a4f2c-7a00-7c3e-9d5b-2f4a6c8e0b1d")
_TRACE: Final = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
TRACEPARENT: Final = _TRACE.traceparent
_NOON: Final = datetime(2026, 11, 1, 3, tzinfo=UTC)
_CAPTION: Final = (
    "갓 구운 소금빵 냄새, 연희동 골목까지 퍼지고 있어요 🥐\n\n"
    "두 시간마다 굽는 봄날제과 소금빵, 오늘도 300개만 준비했어요."
)
_HASHTAGS: Final = "#소금빵 #연희동빵집 #봄날제과"

OVERLAY_COMPLETED: Final[Mapping[str, Any]] = {
    "event_id": "overlay-7f3c",
    "event_type": "overlay.completed",
    "occurred_at": "2026-11-01T12:00:00+09:00",
    "tenant_id": "tenant-bomnal-bakery",
    "overlay_id": str(_OVERLAY_ID),
    "job_id": str(_JOB_ID),
    "refined_ad_copy_eng": "Salted Butter Roll: baked every two hours, crisp outside and soft inside.",
    "tone_style": "따뜻하고 다정한 말투, 이모지 조금",
    "product_description": "게랑드 소금과 프랑스산 버터를 넣어 두 시간마다 굽는 소금빵. 하루 300개 한정.",
    "store_information": "봄날제과 연희점 · 서울 서대문구 연희로 25 · 매일 08:30–20:00",
    "gpt_prompt": "첫 문장은 갓 구운 냄새가 느껴지게 써 주세요.",
}

FEED_OUTCOME: Final[Mapping[str, Any]] = {
    "event_id": "insights-2026-11-02-likes",
    "instagram_feed_id": str(_FEED_ID),
    "metric": "likes",
    "value": 128,
    "occurred_at": "2026-11-02T03:00:00Z",
    "published_at": "2026-11-01T03:05:00Z",
}

_SOURCE: Final = EventSource(event_id="overlay-7f3c", topic="overlay.completed", partition=3, offset=41)

CREATED: Final = InstagramFeedCreated(
    event_id=created_event_id(_FEED_ID),
    occurred_at=_NOON,
    instagram_feed_id=_FEED_ID,
    tenant_id="tenant-bomnal-bakery",
    job_id=_JOB_ID,
    overlay_id=_OVERLAY_ID,
    revision=1,
    instagram_ad_copy=_CAPTION,
    hashtags=_HASHTAGS,
    llm=LlmUsed(
        llm_model_id=UUID("5d0f6c0e-6a58-4f0c-8f5e-0d7f0b6f2a11"),
        provider="openai",
        model_name="gpt-4o-mini",
        model_version="2024-07-18",
        used_temperature=0.7,
        used_max_tokens=800,
        prompt_version="feed-post-1-9c1b",
    ),
    metrics=FeedMetrics(
        latency_ms=1843.2,
        prompt_tokens=912,
        completion_tokens=164,
        total_tokens=1076,
        cached_prompt_tokens=640,
        cost_usd=Decimal("0.00018720"),
        llm_calls=1,
        end_to_end_ms=1902.7,
    ),
    experiment=ExperimentArm(
        experiment_id=UUID("b3b5b6a2-3f0e-4c57-9f3c-3f8b1d0d8f10"), name="tone", variant="hook-first"
    ),
    source=_SOURCE,
    publishing=Publishing(
        caption=f"{_CAPTION}\n\n{_HASHTAGS}",
        hashtag_count=3,
        utf16_length=len(f"{_CAPTION}\n\n{_HASHTAGS}".encode("utf-16-le")) // 2,
    ),
)

FAILED: Final = InstagramFeedFailed(
    event_id=failed_event_id(_OVERLAY_ID, 1, 1),
    occurred_at=_NOON,
    tenant_id="tenant-bomnal-bakery",
    job_id=None,
    overlay_id=_OVERLAY_ID,
    revision=1,
    reason=Reason.LLM_REFUSED,
    detail="the model refused",
    attempts=1,
    prompt_tokens=912,
    completion_tokens=17,
    total_tokens=929,
    cost_usd=Decimal("0.00014700"),
    llm_calls=1,
    source=_SOURCE,
)


def created_headers() -> dict[str, str]:
    """Return the headers of the created event."""
    return _as_text(
        outgoing_headers(
            event_id=str(CREATED.event_id),
            event_type=CREATED.event_type,
            source="/instagram-feed-consumer",
            subject=str(_OVERLAY_ID),
            occurred_at=_NOON,
            trace=continue_trace(_TRACE, new_span_id=b"\x5b" * 8, new_trace_id=b"\x01" * 16),
        )
    )


def dead_letter_headers() -> dict[str, str]:
    """Return the headers of a dead letter whose value is not JSON."""
    record = SourceRecord("overlay.completed", 3, 42, 1_793_502_000_000, None, b"{", ())
    letter = dead_letter(
        record,
        topic="overlay.completed.dlq",
        reason=Reason.INVALID_EVENT,
        detail="value is not JSON",
        stage="intake",
        attempts=0,
        failed_at=_NOON,
    )
    return _as_text(letter.headers)


def written(event: InstagramFeedCreated | InstagramFeedFailed) -> dict[str, Any]:
    """Return an outgoing event as parsed JSON."""
    document: dict[str, Any] = from_json(event.encode())
    return document


def _as_text(headers: Headers) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in headers}
