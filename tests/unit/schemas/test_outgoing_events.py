"""instagram_feed.created and instagram_feed.failed as bytes and as JSON Schema."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticSerializationError

from schemas.event_source import EventSource
from schemas.instagram_feed_created import ExperimentArm, FeedMetrics, InstagramFeedCreated, LlmUsed, Publishing
from schemas.instagram_feed_failed import InstagramFeedFailed

IDS = [UUID(int=number) for number in range(1, 7)]
SOURCE = EventSource(event_id="e-1", topic="overlay.completed", partition=3, offset=41)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
CREATED = InstagramFeedCreated(
    event_id=IDS[0],
    occurred_at=NOON,
    instagram_feed_id=IDS[1],
    tenant_id="store-1",
    job_id=IDS[2],
    overlay_id=IDS[3],
    revision=1,
    instagram_ad_copy="가을 니트 💛\n\n지금 만나보세요",
    hashtags="#가을 #니트",
    llm=LlmUsed(
        llm_model_id=IDS[4],
        provider="openai",
        model_name="gpt-4o-mini",
        model_version="2024-07-18",
        used_temperature=0.7,
        used_max_tokens=700,
        prompt_version="v1",
    ),
    metrics=FeedMetrics(
        latency_ms=812.25,
        prompt_tokens=500,
        completion_tokens=200,
        total_tokens=700,
        cached_prompt_tokens=0,
        cost_usd=Decimal("1.95E-4"),
        llm_calls=1,
        end_to_end_ms=1000.5,
    ),
    experiment=None,
    source=SOURCE,
    publishing=Publishing(caption="가을 니트 💛\n\n지금 만나보세요\n\n#가을 #니트", hashtag_count=2, utf16_length=26),
)
FAILED = InstagramFeedFailed(
    event_id=IDS[0],
    occurred_at=NOON,
    tenant_id="store-1",
    job_id=None,
    overlay_id=IDS[3],
    revision=2,
    reason="llm_refused",
    detail="거절",
    attempts=1,
    prompt_tokens=500,
    completion_tokens=0,
    total_tokens=500,
    cost_usd=Decimal("0E-8"),
    llm_calls=1,
    source=SOURCE,
)
texts = st.text(st.characters(exclude_categories=["Cs"]))


def test_a_created_event_is_written_as_the_contract_lists_it() -> None:
    expected = {
        "event_id": str(IDS[0]),
        "event_type": "instagram_feed.created",
        "schema_version": 1,
        "occurred_at": "2026-11-01T12:00:00Z",
        "instagram_feed_id": str(IDS[1]),
        "tenant_id": "store-1",
        "job_id": str(IDS[2]),
        "overlay_id": str(IDS[3]),
        "revision": 1,
        "instagram_ad_copy": "가을 니트 💛\n\n지금 만나보세요",
        "hashtags": "#가을 #니트",
        "llm": {
            "llm_model_id": str(IDS[4]),
            "provider": "openai",
            "model_name": "gpt-4o-mini",
            "model_version": "2024-07-18",
            "used_temperature": 0.7,
            "used_max_tokens": 700,
            "prompt_version": "v1",
        },
        "metrics": {
            "latency_ms": 812.25,
            "prompt_tokens": 500,
            "completion_tokens": 200,
            "total_tokens": 700,
            "cached_prompt_tokens": 0,
            "cost_usd": "0.000195",
            "llm_calls": 1,
            "end_to_end_ms": 1000.5,
            "delivery": "live",
        },
        "experiment": None,
        "source": {"event_id": "e-1", "topic": "overlay.completed", "partition": 3, "offset": 41},
        "publishing": {
            "caption": "가을 니트 💛\n\n지금 만나보세요\n\n#가을 #니트",
            "hashtag_count": 2,
            "utf16_length": 26,
            "is_ai_generated": True,
        },
    }
    assert CREATED.encode().decode() == json.dumps(expected, ensure_ascii=False, separators=(",", ":"))


def test_a_failed_event_is_written_as_the_contract_lists_it() -> None:
    expected = {
        "event_id": str(IDS[0]),
        "event_type": "instagram_feed.failed",
        "schema_version": 1,
        "occurred_at": "2026-11-01T12:00:00Z",
        "tenant_id": "store-1",
        "job_id": None,
        "overlay_id": str(IDS[3]),
        "revision": 2,
        "reason": "llm_refused",
        "detail": "거절",
        "attempts": 1,
        "prompt_tokens": 500,
        "completion_tokens": 0,
        "total_tokens": 500,
        "cost_usd": "0.00000000",
        "llm_calls": 1,
        "source": {"event_id": "e-1", "topic": "overlay.completed", "partition": 3, "offset": 41},
    }
    assert FAILED.encode().decode() == json.dumps(expected, ensure_ascii=False, separators=(",", ":"))


@given(texts, texts)
def test_texts_come_back_and_equal_events_give_equal_bytes(caption: str, hashtags: str) -> None:
    event = replace(CREATED, instagram_ad_copy=caption, hashtags=hashtags)
    written = json.loads(event.encode())
    assert (written["instagram_ad_copy"], written["hashtags"]) == (caption, hashtags)
    assert replace(event).encode() == event.encode()


def test_a_moment_elsewhere_is_written_in_utc() -> None:
    seoul = NOON.astimezone(timezone(timedelta(hours=9)))
    assert replace(CREATED, occurred_at=seoul).encode() == CREATED.encode()


def test_a_naive_moment_is_not_announced() -> None:
    with pytest.raises(PydanticSerializationError, match="naive"):
        replace(FAILED, occurred_at=NOON.replace(tzinfo=None)).encode()


def test_an_experiment_is_named_with_its_variant() -> None:
    event = replace(CREATED, experiment=ExperimentArm(experiment_id=IDS[5], name="tone", variant="b"))
    assert json.loads(event.encode())["experiment"] == {"experiment_id": str(IDS[5]), "name": "tone", "variant": "b"}


@pytest.mark.parametrize("event", [CREATED, FAILED])
def test_the_json_schema_describes_what_is_written(event: InstagramFeedCreated | InstagramFeedFailed) -> None:
    schema = event.json_schema()
    written = json.loads(event.encode())
    assert schema["required"] == list(schema["properties"]) == list(written)
    assert schema["properties"]["schema_version"]["const"] == 1
    assert schema["properties"]["event_type"]["const"] == written["event_type"]
    assert schema["properties"]["occurred_at"]["format"] == "date-time"
    cost = schema["properties"].get("cost_usd") or schema["$defs"]["FeedMetrics"]["properties"]["cost_usd"]
    assert {"string", "null"} == {kind["type"] for kind in cost["anyOf"]}
