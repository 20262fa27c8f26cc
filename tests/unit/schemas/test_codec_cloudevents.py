"""CloudEvents: where id, time and type come from, and what is wrong with an envelope."""

import base64
import json
from datetime import UTC, datetime

import pytest

from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.overlay_completed import OverlayCompleted
from schemas.record import Headers, SourceRecord
from tests.support.overlay_events import OVERLAY_ID, STRUCTURED, binary, event_fields, record_of, structured

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def decode(record: SourceRecord) -> OverlayCompleted:
    return decode_overlay_completed(record, max_event_bytes=10_000)


def problems_of(record: SourceRecord) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        decode(record)
    return dict(caught.value.problems)


@pytest.mark.parametrize(
    "record",
    [
        structured(event_fields(), time="2026-11-01T12:00:00Z"),
        structured(event_fields(), headers=(), time="2026-11-01T12:00:00Z"),
        structured(
            event_fields(),
            headers=(("Content-Type", b"Application/CloudEvents+JSON"),),
            time="2026-11-01T21:00:00+09:00",
        ),
        binary(event_fields(), time=b"2026-11-01T12:00:00Z"),
    ],
)
def test_id_and_time_of_the_envelope_stand_in_for_missing_fields(record: SourceRecord) -> None:
    event = decode(record)
    assert (event.event_id, event.occurred_at, event.overlay_id) == ("ce-1", NOON, OVERLAY_ID)


def test_the_events_own_fields_come_first() -> None:
    fields = event_fields(event_id="own", occurred_at="2026-11-01T12:00:00Z")
    for record in (structured(fields, time="2020-01-01T00:00:00Z"), binary(fields, time=b"2020-01-01T00:00:00Z")):
        event = decode(record)
        assert (event.event_id, event.occurred_at) == ("own", NOON)
    del fields["event_id"]
    event = decode(structured(fields, time="2020-01-01T00:00:00Z"))
    assert (event.event_id, event.occurred_at) == ("ce-1", NOON)


def test_an_own_id_without_a_time_takes_the_envelopes_time() -> None:
    event = decode(binary(event_fields(event_id="own"), time=b"2026-11-01T12:00:00Z"))
    assert (event.event_id, event.occurred_at) == ("own", NOON)


def test_without_any_id_the_position_is_the_id() -> None:
    assert decode(binary(event_fields(), id=None)).event_id == "overlay.completed/3/41"
    assert decode(structured(event_fields(), id=None)).event_id == "overlay.completed/3/41"


def test_header_names_may_be_written_in_capitals() -> None:
    record = binary(event_fields())
    headers: Headers = tuple((name.upper(), value) for name, value in record.headers)
    assert decode(record_of(record.value, headers)).event_id == "ce-1"


@pytest.mark.parametrize("ce_type", ["overlay.completed", "com.example.overlay.completed", "Overlay.Completed.v2"])
def test_a_type_that_names_the_event_is_accepted(ce_type: str) -> None:
    assert decode(structured(event_fields(), type=ce_type)).overlay_id == OVERLAY_ID
    assert decode(binary(event_fields(), type=ce_type.encode())).overlay_id == OVERLAY_ID


@pytest.mark.parametrize("ce_type", ["overlay.started", "myoverlay.completed", "overlay.completed.draft"])
def test_another_type_is_ignored_unless_the_event_names_its_own(ce_type: str) -> None:
    for record in (structured({}, type=ce_type), binary({}, type=ce_type.encode())):
        with pytest.raises(IgnoredEvent) as caught:
            decode(record)
        assert caught.value.event_type == ce_type
    own_type = event_fields(event_type="overlay.completed")
    assert decode(structured(own_type, type=ce_type)).overlay_id == OVERLAY_ID
    assert decode(binary(own_type, type=ce_type.encode())).overlay_id == OVERLAY_ID


@pytest.mark.parametrize("form", [structured({"event_type": "x"}), binary({"event_type": "x"})])
def test_the_events_own_type_comes_first(form: SourceRecord) -> None:
    with pytest.raises(IgnoredEvent, match="x"):
        decode(form)


@pytest.mark.parametrize("value", [None, b"\x00avro", b"x" * 20_000, b"[]"])
def test_an_event_of_another_type_is_ignored_even_if_its_value_cannot_be_read(value: bytes | None) -> None:
    with pytest.raises(IgnoredEvent):
        decode(record_of(value, (("ce_type", b"overlay.started"),)))
    with pytest.raises(InvalidEvent):
        decode(record_of(value, (("ce_type", b"overlay.completed"),)))


@pytest.mark.parametrize("data", [None, "text", [], 5])
def test_data_that_is_no_object_is_named(data: object) -> None:
    problem = "is required" if data is None else "must be a JSON object"
    assert problems_of(structured(data)) == {"data": problem}


def test_a_declared_envelope_without_data_is_invalid_even_if_the_event_lies_beside() -> None:
    assert problems_of(record_of(json.dumps(event_fields()).encode(), STRUCTURED)) == {"data": "is required"}


def test_data_in_base64_is_read() -> None:
    encoded = base64.b64encode(json.dumps(event_fields()).encode()).decode()
    assert decode(structured(None, data_base64=encoded)).event_id == "ce-1"
    without_data = json.dumps({"specversion": "1.0", "data_base64": encoded, "id": "ce-2"})
    assert decode(record_of(without_data.encode())).event_id == "ce-2"


@pytest.mark.parametrize(
    ("encoded", "problem"),
    [
        ("***", "must be a Base64 string"),
        ("가", "must be a Base64 string"),
        (5, "must be a Base64 string"),
        ("", "is empty (a tombstone or a blank line)"),
        (base64.b64encode(b"[]").decode(), "must be a JSON object"),
        (base64.b64encode(b"\xff").decode(), "is not UTF-8 (byte 0)"),
    ],
)
def test_data_in_base64_that_is_no_object_is_named(encoded: object, problem: str) -> None:
    assert problems_of(structured(None, data_base64=encoded)) == {"data_base64": problem}


def test_wrong_attributes_are_named_beside_wrong_fields() -> None:
    fields = event_fields(tenant_id=5)
    wrong = problems_of(structured(fields, specversion="0.3", id="", time="noon"))
    assert wrong.keys() == {"specversion", "id", "time", "tenant_id"}
    wrong = problems_of(binary(fields, specversion=b"0.3", id=b"\xff", time=b"noon"))
    assert wrong.keys() == {"ce_specversion", "ce_id", "ce_time", "tenant_id"}
    assert problems_of(binary(event_fields(), id=b"")) == {"ce_id": "must not be empty"}


def test_nul_in_an_id_that_is_used_is_refused() -> None:
    assert problems_of(binary(event_fields(), id=b"a\x00b")).keys() == {"ce_id"}


def test_a_complete_plain_event_may_have_unknown_fields_of_an_envelopes_names() -> None:
    fields = event_fields(specversion="1.0", data={}, event_id="own")
    assert decode(record_of(json.dumps(fields).encode())).event_id == "own"


def test_an_envelope_may_carry_attributes_this_consumer_does_not_know() -> None:
    assert decode(structured(event_fields(), traceparent=7, subject=None, dataschema="x")).event_id == "ce-1"


def test_the_size_limit_holds_for_the_whole_envelope() -> None:
    assert problems_of(structured(event_fields(), subject="x" * 10_000)).keys() == {"value"}
