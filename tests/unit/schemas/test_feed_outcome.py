import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import InvalidEvent
from schemas.feed_outcome import LARGEST, FeedOutcome, decode_feed_outcome

FEED_ID = UUID("0193a0c4-7a10-7000-8000-000000000001")
VALID: dict[str, object] = {
    "event_id": "likes-1",
    "instagram_feed_id": str(FEED_ID),
    "metric": "likes",
    "value": 12,
    "occurred_at": "2026-11-20T09:00:00+09:00",
}


def decoded(**changes: object) -> FeedOutcome:
    fields = {name: value for name, value in {**VALID, **changes}.items() if value is not ...}
    return decode_feed_outcome(json.dumps(fields).encode(), max_event_bytes=10_000)


def problem_of(**changes: object) -> str:
    with pytest.raises(InvalidEvent) as refused:
        decoded(**changes)
    return str(refused.value)


def test_an_outcome_names_its_post_by_id() -> None:
    outcome = decoded(unknown="ignored", published_at=None)
    assert (outcome.instagram_feed_id, outcome.amount) == (FEED_ID, Decimal(12))
    assert outcome.occurred_at == datetime(2026, 11, 20, tzinfo=UTC)
    assert outcome.published_at is None


def test_or_by_overlay_and_revision() -> None:
    overlay_id = uuid4()
    outcome = decoded(instagram_feed_id=..., overlay_id=str(overlay_id), revision=2, value=0.1)
    assert (outcome.overlay_id, outcome.revision, outcome.amount) == (overlay_id, 2, Decimal("0.1"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"event_id": ...}, "event_id is required"),
        ({"event_id": " "}, "event_id must be visible"),
        ({"instagram_feed_id": ...}, "instagram_feed_id or overlay_id is required"),
        ({"instagram_feed_id": "7"}, "instagram_feed_id must be a UUID"),
        ({"revision": 0}, "revision Input should be greater than or equal to 1"),
        ({"metric": "Likes!"}, "metric must be 1 to 64 of a-z, 0-9 and _"),
        ({"metric": "m" * 65}, "metric must be 1 to 64 of a-z, 0-9 and _"),
        ({"value": "12"}, "value Input should be a valid number"),
        ({"value": True}, "value Input should be a valid number"),
        ({"value": float("nan")}, "value Input should be a finite number"),
        ({"value": 10**400}, "value "),
        ({"value": 1e300}, "value Input should be less than or equal to"),
        ({"occurred_at": "yesterday"}, "occurred_at must be an RFC 3339 date-time with an offset"),
        ({"published_at": "2026-11-20"}, "published_at must be an RFC 3339 date-time with an offset"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], problem: str) -> None:
    assert problem_of(**changes).startswith(problem)


def test_all_that_is_wrong_is_named_at_once() -> None:
    assert problem_of(event_id=..., instagram_feed_id=..., metric="?") == (
        "instagram_feed_id or overlay_id is required; event_id is required; metric must be 1 to 64 of a-z, 0-9 and _"
    )


@pytest.mark.parametrize("value", [None, b"", b"[]", b"{", b'"text"', b"\xff"])
def test_what_is_no_object_is_no_outcome(value: bytes | None) -> None:
    with pytest.raises(InvalidEvent):
        decode_feed_outcome(value, max_event_bytes=10_000)


@given(st.floats(-LARGEST, LARGEST) | st.integers(-(10**15), 10**15))
def test_a_value_keeps_the_digits_that_it_was_written_with(value: float) -> None:
    assert float(decoded(value=value).amount) == value
