"""Whatever comes in: it is decoded, ignored or refused with its fields named, and no post breaks a limit.

A short run is part of the suite. The long one: `pytest tests/unit/test_fuzz.py --hypothesis-profile=fuzz`.
"""

import json
from datetime import UTC, datetime
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.completion_reader import read_completion
from consumer.llm.errors import CallFailed
from consumer.pipeline.judgement import Declined, Unusable, judge
from consumer.post.editor import EditedPost
from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.dead_letter import dead_letter
from schemas.overlay_completed import OverlayCompleted
from schemas.record import SourceRecord
from tests.support.instagram_limits import violations
from tests.support.overlay_events import json_values, valid_fields
from tests.support.quality import context, editor
from tests.unit.post.test_instagram_rules import any_text

MAX_EVENT_BYTES = 4_096
MAX_DETAIL_CHARACTERS = 2_000
NOW = datetime(2026, 11, 22, tzinfo=UTC)

field_names = st.sampled_from(sorted(OverlayCompleted.model_fields)) | st.text(max_size=8)
broken_fields = st.builds(
    lambda fields, changes: fields | changes, valid_fields, st.dictionaries(field_names, json_values, max_size=4)
)
json_texts = (broken_fields | valid_fields | json_values).map(lambda value: json.dumps(value).encode())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """JSON with some of its bytes cut out, doubled or replaced."""
    value = draw(json_texts)
    start, length = draw(st.integers(0, len(value))), draw(st.integers(0, 20))
    return value[:start] + draw(st.binary(max_size=8)) + value[start + length :]


large = st.integers(MAX_EVENT_BYTES - 2, MAX_EVENT_BYTES + 2).map(lambda length: b'"' + b"x" * (length - 2) + b'"')
values = st.none() | st.binary(max_size=200) | json_texts | damaged() | large
header_names = st.sampled_from(
    ["ce_id", "ce_type", "ce_source", "ce_specversion", "ce_time", "content-type", "traceparent"]
)
header_values = st.none() | st.binary(max_size=40) | st.sampled_from([b"1.0", b"application/cloudevents+json"])
headers = st.lists(st.tuples(header_names | st.text(max_size=8), header_values), max_size=5).map(tuple)
records = st.builds(
    SourceRecord,
    st.just("overlay.completed"),
    st.integers(0, 11),
    st.integers(0, 2**62),
    st.integers(0, 2**41),
    st.none() | st.binary(max_size=40),
    values,
    headers,
)


@given(records)
def test_any_record_is_an_event_or_ignored_or_a_dead_letter_with_its_bytes(record: SourceRecord) -> None:
    try:
        event = decode_overlay_completed(record, max_event_bytes=MAX_EVENT_BYTES)
    except IgnoredEvent:
        return
    except InvalidEvent as error:
        check_dead_letter(record, error)
        return
    assert event.event_id
    assert "\0" not in event.model_dump_json()
    assert all(len(text.encode()) for text in (event.tenant_id, event.tone_style, event.product_description))


def check_dead_letter(record: SourceRecord, error: InvalidEvent) -> None:
    detail = str(error)
    assert error.problems
    assert 0 < len(detail) <= MAX_DETAIL_CHARACTERS
    letter = dead_letter(
        record, topic="dlq", reason="invalid_event", detail=detail, stage="intake", attempts=0, failed_at=NOW
    )
    assert (letter.key, letter.value) == (record.key, record.value)


editor_with = cache(editor)

posts = st.fixed_dictionaries(
    {"instagram_ad_copy": any_text | json_values, "hashtags": any_text | st.lists(any_text, max_size=8) | json_values}
)
contents = (posts | json_values).map(lambda value: json.dumps(value, ensure_ascii=False)) | any_text
finish_reasons = st.sampled_from(["stop", "stop", "stop", "length", "content_filter"])
messages = st.fixed_dictionaries({"content": contents | json_values}, optional={"refusal": st.none() | any_text})
answers = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({"message": messages, "finish_reason": finish_reasons}), max_size=2)},
    optional={"usage": st.dictionaries(st.sampled_from(["prompt_tokens", "total_tokens"]), json_values)},
)
bodies = (answers | json_values).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=100)


@given(bodies, st.integers(1, 30))
def test_any_answer_is_judged_and_no_usable_post_breaks_a_limit(body: bytes, max_hashtags: int) -> None:
    try:
        completion = read_completion(body, latency_ms=1.0)
    except CallFailed:
        return
    assert "\\u0000" not in completion.raw.replace("\\\\", "")
    match judge(completion, editor_with(max_hashtags=max_hashtags), context()):
        case EditedPost(post):
            assert violations(post, max_hashtags=max_hashtags) == []
            assert "\0" not in post.instagram_ad_copy + post.hashtags
        case Unusable(problems, detail):
            assert problems
            assert detail
        case Declined(reason, _):
            assert reason.startswith("llm_")
