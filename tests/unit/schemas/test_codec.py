"""Plain JSON: what is accepted, what is refused, and how it is said."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.event_types import EventTypes
from schemas.overlay_completed import OverlayCompleted
from schemas.record import SourceRecord
from tests.support.overlay_events import (
    OVERLAY_ID,
    REQUIRED_FIELDS,
    TEXT_FIELDS,
    binary,
    event_fields,
    json_values,
    plain,
    record_of,
    structured,
    valid_fields,
)

MAX_EVENT_BYTES = 262_144
NUL_FREE_FIELDS = (*TEXT_FIELDS, "gpt_prompt")
ID_FIELDS = ("event_id", "tenant_id")


def decode(record: SourceRecord) -> OverlayCompleted:
    return decode_overlay_completed(record, max_event_bytes=MAX_EVENT_BYTES)


def problems_of(record: SourceRecord) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        decode(record)
    assert len(caught.value.detail) < 2_000
    assert all(problem.field in caught.value.detail for problem in caught.value.problems)
    return {problem.field: problem.problem for problem in caught.value.problems}


@given(valid_fields)
def test_every_event_within_the_contract_keeps_its_fields_in_each_form(fields: dict[str, Any]) -> None:
    for event in (decode(plain(fields)), decode(structured(fields)), decode(binary(fields))):
        written = json.loads(event.model_dump_json())
        for name in fields.keys() - {"occurred_at"}:
            assert written[name] == fields[name]
        if "occurred_at" in fields:
            assert event.occurred_at == datetime.fromisoformat(fields["occurred_at"])


@given(st.binary() | st.text().map(str.encode) | json_values.map(lambda value: json.dumps(value).encode()))
@example(b"\xef\xbb\xbf{}")
@example(b'{"a":')
def test_no_bytes_lead_to_anything_but_a_verdict(value: bytes) -> None:
    with pytest.raises((InvalidEvent, IgnoredEvent)):
        decode(record_of(value))


@given(
    st.dictionaries(
        st.sampled_from([*REQUIRED_FIELDS, "job_id", "gpt_prompt", "event_id"]),
        st.integers() | st.booleans() | st.lists(st.none()),
    )
)
def test_exactly_the_failing_fields_are_named(wrong: dict[str, Any]) -> None:
    record = plain(event_fields(**wrong))
    if wrong:
        assert problems_of(record).keys() == wrong.keys()
    else:
        assert decode(record).overlay_id == OVERLAY_ID


@pytest.mark.parametrize("name", REQUIRED_FIELDS)
def test_a_required_field_that_is_missing_or_null_is_named(name: str) -> None:
    fields = event_fields()
    del fields[name]
    assert problems_of(plain(fields)) == {name: "is required"}
    assert problems_of(plain(event_fields(**{name: None}))) == {name: "is required"}


@pytest.mark.parametrize("name", ["event_id", "event_type", "occurred_at", "job_id", "gpt_prompt"])
def test_null_in_an_optional_field_means_absent(name: str) -> None:
    assert decode(plain(event_fields(**{name: None}))) == decode(plain(event_fields()))


def test_absent_optional_fields_get_their_defaults() -> None:
    event = decode(plain(event_fields()))
    assert (event.event_id, event.occurred_at, event.job_id, event.gpt_prompt) == (
        "overlay.completed/3/41",
        None,
        None,
        "",
    )


@pytest.mark.parametrize("name", NUL_FREE_FIELDS)
def test_nul_is_refused_in_every_text_field(name: str) -> None:
    assert problems_of(plain(event_fields(**{name: "a\0b"}))) == {name: "must not contain NUL or an unpaired surrogate"}


@pytest.mark.parametrize("name", NUL_FREE_FIELDS)
@pytest.mark.parametrize("half", ["\ud83d", "a\ude00", "\ud83d\ud83d\ude00", "\\\ud83d"])
def test_half_a_surrogate_pair_is_refused_where_it_stands(name: str, half: str) -> None:
    assert problems_of(plain(event_fields(**{name: half}))) == {name: "must not contain NUL or an unpaired surrogate"}


UNSAFE_IN_IDS = (
    "a\0b",
    "a\ud83d",
    "a\nb",
    "a\r",
    "\ta",
    "\x1b[31ma",
    "a\x7f",
    "a\x9b",
    "a\u2028b",
    "a\u202eb",
    "\u2066a",
)


@pytest.mark.parametrize("name", ID_FIELDS)
@pytest.mark.parametrize("unsafe", UNSAFE_IN_IDS)
def test_what_acts_in_a_terminal_or_turns_text_around_is_refused_in_ids(name: str, unsafe: str) -> None:
    problems = problems_of(plain(event_fields(**{name: unsafe})))
    assert problems.keys() == {name}
    assert "control, line break or text direction characters" in problems[name]


@pytest.mark.parametrize("blank", [" ", "  \u3000", "\u00a0", "\u200b", "\ufeff", "\u3164"])
def test_a_tenant_that_shows_nothing_is_refused(blank: str) -> None:
    assert problems_of(plain(event_fields(tenant_id=blank)))["tenant_id"].startswith("must be visible")


@pytest.mark.parametrize("tenant_id", ["a b", " a", "매장 1", "e\u0301", "店\u200d", "a/b@c:1"])
def test_an_id_is_kept_as_it_is(tenant_id: str) -> None:
    assert decode(plain(event_fields(tenant_id=tenant_id))).tenant_id == tenant_id


def test_a_whole_surrogate_pair_and_an_escaped_backslash_are_text() -> None:
    fields = event_fields(tone_style="😀", gpt_prompt="\\ud83d")
    event = decode(plain({**fields, "other": "\ud83d"}))
    assert (event.tone_style, event.gpt_prompt) == ("😀", "\\ud83d")


def test_all_that_is_wrong_is_said_at_once() -> None:
    fields = event_fields(tenant_id="", overlay_id="none", job_id=7, tone_style="x" * 20_001, occurred_at="today")
    del fields["store_information"]
    assert problems_of(plain(fields)) == {
        "tenant_id": "must not be empty",
        "overlay_id": "must be a UUID",
        "job_id": "must be a UUID",
        "tone_style": "must have at most 20000 characters",
        "occurred_at": "must be an RFC 3339 date-time with an offset",
        "store_information": "is required",
    }


@given(st.text("비밀secret", min_size=40))
def test_a_refused_value_is_not_repeated(secret: str) -> None:
    fields = event_fields(overlay_id=secret, job_id=secret, occurred_at=secret, tenant_id=secret * 10)
    with pytest.raises(InvalidEvent) as caught:
        decode(plain(fields))
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("limits", "accepted"),
    [
        ({"tenant_id": "가" * 255}, True),
        ({"tenant_id": "가" * 256}, False),
        ({"gpt_prompt": "😀" * 20_000}, True),
        ({"gpt_prompt": "a" * 20_001}, False),
        *(({name: "가" * 20_000}, True) for name in TEXT_FIELDS),
        *(({name: "a" * 20_001}, False) for name in TEXT_FIELDS),
        *(({name: ""}, False) for name in (*TEXT_FIELDS, "tenant_id")),
    ],
)
def test_lengths_are_counted_in_characters(limits: dict[str, str], accepted: bool) -> None:  # noqa: FBT001
    record = plain(event_fields(**limits))
    if accepted:
        assert decode(record).overlay_id == OVERLAY_ID
    else:
        assert problems_of(record).keys() == limits.keys()


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-01T09:00:00+09:00",
        "2026-11-01T00:00:00Z",
        "2026-11-01t00:00:00z",
        "2026-11-01T00:00:00.000000999Z",
        "2026-10-31T23:30:00-00:30",
    ],
)
def test_an_rfc_3339_moment_is_read_as_utc(moment: str) -> None:
    occurred_at = decode(plain(event_fields(occurred_at=moment))).occurred_at
    assert occurred_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert occurred_at.tzinfo is UTC


@pytest.mark.parametrize(
    "moment",
    [
        1_762_000_000,
        "1762000000",
        "2026-11-01",
        "2026-11-01T00:00:00",
        "2026-11-01T00:00Z",
        "2026-11-01 00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-23:00",
        "2026-11-01T00:00:00+99:00",
        "２０２６-11-01T00:00:00Z",
        "2026-11-01T00:00:00.１Z",
        True,
        {},
    ],
)
def test_any_other_moment_is_refused(moment: object) -> None:
    assert problems_of(plain(event_fields(occurred_at=moment))).keys() == {"occurred_at"}


@pytest.mark.parametrize("value", [None, b""])
def test_a_tombstone_is_invalid(value: bytes | None) -> None:
    assert "tombstone" in problems_of(record_of(value))["value"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b'{"tenant_id": "\xff"}', "is not UTF-8 (byte 15)"),
        (b"hello", "is not JSON"),
        (b'{"tenant_id": "a"', "is not JSON"),
        (b'{"tenant_id": "a"} x', "is not JSON"),
        (b"{'tenant_id': 1}", "is not JSON"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is not JSON"),
        (b'{"a":' * 20_000, "is not JSON"),
        (b"[]", "must be a JSON object, not a list of 0"),
        (b'"text"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"NaN", "must be a JSON object"),
        (b"   ", "is not JSON"),
    ],
)
def test_a_value_that_is_no_json_object_is_refused_with_the_reason(value: bytes, problem: str) -> None:
    assert problems_of(record_of(value))["value"].startswith(problem)


def test_the_limit_is_on_bytes_and_is_checked_before_parsing() -> None:
    record = plain(event_fields())
    assert record.value is not None
    size = len(record.value)
    assert decode_overlay_completed(record, max_event_bytes=size).overlay_id == OVERLAY_ID
    with pytest.raises(InvalidEvent, match=f"value has {size} bytes, more than the {size - 1} allowed"):
        decode_overlay_completed(record, max_event_bytes=size - 1)
    with pytest.raises(InvalidEvent, match="value has 11 bytes"):
        decode_overlay_completed(record_of(b"not { json!"), max_event_bytes=10)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])).map("x_".__add__), json_values, max_size=5))
def test_unknown_fields_are_ignored_whatever_they_hold(unknown: dict[str, Any]) -> None:
    assert decode(plain(event_fields(**unknown))) == decode(plain(event_fields()))


def test_not_a_number_is_no_value_for_any_field() -> None:
    assert problems_of(plain(event_fields(tenant_id=float("nan")))) == {"tenant_id": "must be a string"}


@pytest.mark.parametrize("extra", ["", ', "event_id": null'])
def test_of_a_repeated_key_the_last_one_counts(extra: str) -> None:
    text = json.dumps(event_fields())
    assert decode(record_of(f'{text[:-1]}, "tenant_id": "last"{extra}}}'.encode())).tenant_id == "last"
    assert decode(record_of(f'{{"tenant_id": 5, {text[1:-1]}{extra}}}'.encode())).tenant_id == "store-apparel-1"
    assert problems_of(record_of(f'{text[:-1]}, "tenant_id": 5{extra}}}'.encode())) == {"tenant_id": "must be a string"}


def test_another_event_type_is_ignored_before_its_fields_are_judged() -> None:
    with pytest.raises(IgnoredEvent) as caught:
        decode(plain({"event_type": "overlay.started" + "." * 300, "tenant_id": 5}))
    assert caught.value.event_type.startswith("overlay.started")
    assert len(caught.value.event_type) == 200


@pytest.mark.parametrize("event_type", ["", "overlay.started", "myoverlay.completed", "overlay.completed.v2-beta"])
def test_another_type_is_ignored(event_type: str) -> None:
    with pytest.raises(IgnoredEvent):
        decode(plain(event_fields(event_type=event_type)))


@pytest.mark.parametrize("event_type", ["overlay.Completed", "com.shop.overlay.completed", "overlay.completed.v1"])
def test_an_accepted_type_is_read_as_the_contract_spells_it(event_type: str) -> None:
    assert decode(plain(event_fields(event_type=event_type))).event_type == "overlay.completed"


def test_the_accepted_types_are_the_operators_choice() -> None:
    def decoded(**fields: object) -> OverlayCompleted:
        types = EventTypes(("overlay.finished", "layer.done"))
        return decode_overlay_completed(
            plain(event_fields(**fields)), max_event_bytes=MAX_EVENT_BYTES, event_types=types
        )

    assert decoded(event_type="shop.Layer.Done.v3").event_type == "overlay.completed"
    assert decoded().overlay_id == OVERLAY_ID
    with pytest.raises(IgnoredEvent):
        decoded(event_type="overlay.completed")


def test_an_event_type_that_is_no_text_is_a_wrong_field() -> None:
    assert problems_of(plain(event_fields(event_type=5))).keys() == {"event_type"}


def test_headers_that_are_no_cloudevents_change_nothing() -> None:
    record = plain(event_fields())
    headers = (("traceparent", b"\xff"), ("content-type", b"application/json"), ("content-type", None), ("cel", b"x"))
    assert decode(record_of(record.value, headers)) == decode(record)
