"""Events as carriers deliver them: each form opened where that is certain, else named in the dead letter."""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import DecodedEvent, IgnoredEvent, InvalidEvent, decode_record
from schemas.forms import Form
from schemas.record import SourceRecord
from tests.support.overlay_events import (
    OVERLAY_ID,
    REQUIRED_FIELDS,
    STRUCTURED,
    binary,
    event_fields,
    json_values,
    plain,
    record_of,
    structured,
    valid_fields,
)

RECORDS = Path(__file__).parents[2] / "fixtures" / "records.jsonl"
EVENT = event_fields()
TEXT = json.dumps(EVENT)
RAW = json.dumps(EVENT, ensure_ascii=False).encode()
SCHEMA = {"type": "struct", "fields": []}
GLUE_VERSION = UUID("7f0e8a3c-6a5e-4b0a-9d3f-2b1c5d7e9f10")
SNS = {"Type": "Notification", "MessageId": "sns-1", "TopicArn": "arn:x", "Timestamp": "2026-11-01T09:00:00.000Z"}
EVENTBRIDGE = {"version": "0", "id": "eb-1", "source": "shop", "time": "2026-11-01T09:00:00Z", "region": "x"}


def decode(record: SourceRecord) -> DecodedEvent:
    return decode_record(record, max_event_bytes=262_144)


def value(document: object) -> SourceRecord:
    return record_of(json.dumps(document).encode())


def detail_of(record: SourceRecord) -> str:
    with pytest.raises(InvalidEvent) as caught:
        decode(record)
    return caught.value.detail


def connect(payload: object) -> dict[str, object]:
    return {"schema": SCHEMA, "payload": payload}


def change(operation: str, **states: object) -> dict[str, object]:
    return {"before": None, "after": None, "op": operation, "ts_ms": 1, "source": {"table": "overlays"}, **states}


def pubsub(data: str) -> dict[str, object]:
    return {
        "message": {"data": data, "messageId": "ps-1", "publishTime": "2026-11-01T09:00:00.1Z"},
        "subscription": "s",
    }


def glue(body: bytes, compression: int = 0) -> bytes:
    return bytes([3, compression]) + GLUE_VERSION.bytes + body


# ---------------------------------------------------------------------------------------------------- from the field


def field_cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDS.read_text().splitlines()]


def field_record(case: Mapping[str, Any]) -> SourceRecord:
    event = {"event_type": "overlay.completed", **EVENT, "overlay_id": str(uuid4())}
    text = json.dumps(event, ensure_ascii=False)
    prefix = bytes.fromhex(case["prefix_hex"] or "")
    match case["value"]:
        case "@RAW":
            return record_of(prefix + text.encode())
        case str() as said if said.startswith("@BYTES"):
            return record_of(bytes.fromhex(said.removeprefix("@BYTES")))
    filled = json.dumps(case["value"]).replace("@UUID", str(uuid4())).replace('"@JSON"', json.dumps(text))
    return record_of(prefix + filled.encode(), tuple((name, text.encode()) for name, text in case["headers"].items()))


@pytest.mark.parametrize("case", field_cases(), ids=lambda case: str(case["case"]))
def test_records_from_the_field_become_what_people_expect(case: Mapping[str, Any]) -> None:
    record, want = field_record(case), case["want"]
    if want == "post":
        assert decode(record).event.event_type == "overlay.completed"
    elif want.startswith("passed over"):
        with pytest.raises(IgnoredEvent):
            decode(record)
    else:
        assert want.removeprefix("dead letter that ").removeprefix("says: ").removeprefix("names ") in detail_of(record)


# --------------------------------------------------------------------------------------------------------- envelopes


@pytest.mark.parametrize(
    ("document", "form"),
    [
        (connect(EVENT), Form.KAFKA_CONNECT),
        ({"schema": None, "payload": EVENT}, Form.KAFKA_CONNECT),
        (connect(TEXT), Form.KAFKA_CONNECT),
        (connect(" \n" + TEXT), Form.KAFKA_CONNECT),
        (connect(change("c", after=EVENT)), Form.DEBEZIUM),
        (connect(change("u", before=EVENT, after=EVENT)), Form.DEBEZIUM),
        (change("c", after=EVENT), Form.DEBEZIUM),
        (change("r", after=EVENT), Form.DEBEZIUM),
        (change("u", before=event_fields(tone_style="old"), after=EVENT), Form.DEBEZIUM),
        (change("c", after=TEXT), Form.DEBEZIUM),
        (TEXT, Form.JSON_STRING),
        ({**SNS, "Message": TEXT}, Form.AWS_SNS),
        ({**EVENTBRIDGE, "detail-type": "overlay.completed", "detail": EVENT}, Form.AWS_EVENTBRIDGE),
        (pubsub(base64.b64encode(RAW).decode()), Form.GOOGLE_PUBSUB),
        ({"specversion": "1.0", "data": TEXT, "id": "ce"}, Form.CLOUDEVENTS_STRUCTURED),
        ({"data": EVENT}, Form.WRAPPED),
        (EVENT, Form.PLAIN),
        ({**EVENT, "payload": {}, "op": "d", "after": None}, Form.PLAIN),
    ],
)
def test_one_envelope_is_opened_and_its_form_told(document: object, form: Form) -> None:
    decoded = decode(value(document))
    assert (decoded.event.overlay_id, decoded.event.tone_style) == (OVERLAY_ID, EVENT["tone_style"])
    assert decoded.forms == (form,)


@given(valid_fields)
def test_in_every_envelope_an_event_keeps_its_fields(fields: dict[str, Any]) -> None:
    bare = {**fields, "event_id": "e", "occurred_at": "2026-11-01T00:00:00Z"}
    expected = decode(plain(bare)).event
    text = json.dumps(bare)
    documents = (connect(bare), connect(text), change("c", after=bare), text, {**SNS, "Message": text}, {"event": bare})
    for document in documents:
        assert decode(value(document)).event == expected


@pytest.mark.parametrize("document", [{**SNS, "Message": TEXT}, pubsub(base64.b64encode(RAW).decode())])
def test_id_and_time_of_an_envelope_stand_in_for_the_events_own(document: object) -> None:
    event = decode(value(document)).event
    assert event.event_id in {"sns-1", "ps-1"}
    assert event.occurred_at is not None
    assert event.occurred_at.hour == 9


def test_the_type_an_envelope_declares_is_judged_unless_the_event_has_its_own() -> None:
    envelope = {**EVENTBRIDGE, "detail-type": "overlay.started", "detail": EVENT}
    with pytest.raises(IgnoredEvent, match=r"overlay\.started"):
        decode(value(envelope))
    assert (
        decode(value({**envelope, "detail": {**EVENT, "event_type": "overlay.completed"}})).event.overlay_id
        == OVERLAY_ID
    )
    with pytest.raises(IgnoredEvent, match=r"overlay\.failed"):
        decode(value(connect({**EVENT, "event_type": "overlay.failed"})))


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (connect(event_fields(tenant_id=5)), "in a Kafka Connect envelope: tenant_id must be a string"),
        (connect(None), "in a Kafka Connect envelope: payload is null (a tombstone)"),
        (connect("text"), "in a Kafka Connect envelope: payload must be a JSON object"),
        (connect([EVENT]), "in a Kafka Connect envelope: payload must be a JSON object"),
        (connect(TEXT[:-1]), "in a Kafka Connect envelope: payload is not JSON"),
        (connect(connect(EVENT)), "holds a Kafka Connect envelope; only one envelope is opened"),
        (connect({"specversion": "1.0", "data": EVENT}), "holds a CloudEvents envelope; only one"),
        (json.dumps(connect(EVENT)), "in a JSON string: value holds a Kafka Connect envelope; only one"),
        (json.dumps(TEXT), "is a JSON string in a JSON string; only one is opened"),
        (change("d", before=EVENT), "in a Debezium change event: op says that the change is a delete"),
        (connect(change("d", before=EVENT)), "in a Debezium change event: op says that the change is a delete"),
        (change("t"), "op says that the change is a truncate"),
        (change("z", after=EVENT), "op says that the change is of an unknown kind"),
        (change("c"), "in a Debezium change event: after must be a JSON object"),
        (change("c", after={"id": 1}), "in a Debezium change event: tenant_id is required"),
        ({**EVENT, "__deleted": "true"}, "__deleted says that the row was deleted"),
        ({"meta": {}, "body": EVENT}, "is an unknown envelope: the event stands in body, not alone"),
        ([EVENT], "must be a JSON object, not a list of 1, with an event at [0]"),
        (["com.shop.OverlayCompleted", EVENT], "not a list of 2, with an event at [1]"),
        ({"records": [{"value": EVENT}]}, "value has an event at records[0].value, where none is looked for"),
        (change("c", after={"payload": TEXT}), "in a Debezium change event: tenant_id is required"),
        (change("c", after={"payload": TEXT}), "value has an event at payload, where none is looked for"),
        ({"a\u202e\n": {"b": EVENT}}, "value has an event at (...).b, where none is looked for"),
        ({camel(name): text for name, text in EVENT.items()}, "tenant_id is required (there is tenantId)"),
        ({name.upper(): text for name, text in EVENT.items()}, "overlay_id is required (there is OVERLAY_ID)"),
        ({"message": {camel(name): text for name, text in EVENT.items()}, "host": {}}, "has an event at message,"),
        (base64.b64encode(RAW).decode(), "is Base64 text, not JSON"),
        (pubsub("***"), "in a Google Pub/Sub message: message.data must be a Base64 string"),
        ({**SNS, "Message": None}, "in an Amazon SNS notification: Message must be a JSON object"),
    ],
)
def test_what_cannot_be_opened_for_certain_is_named(document: object, said: str) -> None:
    assert said in detail_of(value(document))


@pytest.mark.parametrize("name", ["event_id", "occurred_at", "job_id", "gpt_prompt", "delivery"])
def test_an_optional_field_that_is_an_empty_text_is_absent(name: str) -> None:
    assert decode(value({**EVENT, name: ""})).event == decode(value({**EVENT, name: None})).event


def test_an_id_that_was_never_set_is_refused() -> None:
    assert detail_of(value({**EVENT, "overlay_id": str(UUID(int=0))})) == "overlay_id must not be the nil UUID"


def test_a_document_of_many_parts_is_looked_through_no_further_than_is_quick() -> None:
    assert "is looked for" not in detail_of(value({"a": [[]] * 10_000, "b": [{"c": EVENT}]}))


def test_a_row_that_is_marked_as_not_deleted_is_an_event() -> None:
    assert decode(value({**EVENT, "__deleted": "false"})).event.overlay_id == OVERLAY_ID


@given(st.sampled_from(REQUIRED_FIELDS), st.sampled_from([connect, lambda fields: change("c", after=fields)]))
def test_a_field_that_is_missing_inside_is_named(name: str, wrap: Any) -> None:  # noqa: ANN401 - either of two
    assert f"{name} is required" in detail_of(value(wrap({key: EVENT[key] for key in EVENT if key != name})))


# ----------------------------------------------------------------------------------------------------------- framing


@pytest.mark.parametrize(
    ("body", "forms"),
    [
        (b"\xef\xbb\xbf" + RAW, (Form.BYTE_ORDER_MARK,)),
        (b"\0\0\0\0\7" + RAW, (Form.SCHEMA_REGISTRY,)),
        (b"\0\0\0\0{" + RAW, (Form.SCHEMA_REGISTRY,)),
        (b"\0\0\0\0\7\0" + RAW, (Form.SCHEMA_REGISTRY,)),
        (b"\0\0\0\0\7\4\2\0" + RAW, (Form.SCHEMA_REGISTRY,)),
        (b"\0\0\0\0\0\0\0\0\7" + RAW, (Form.SCHEMA_REGISTRY,)),
        (b"\0\0\0\0\0\0\0\0{" + RAW, (Form.SCHEMA_REGISTRY,)),
        (b"\0\0\0\0\7\xd6\x09" + RAW, (Form.SCHEMA_REGISTRY,)),
        (glue(RAW), (Form.GLUE_SCHEMA_REGISTRY,)),
        (b"\0\0\0\0\7" + json.dumps(change("c", after=EVENT)).encode(), (Form.SCHEMA_REGISTRY, Form.DEBEZIUM)),
        (b"\xef\xbb\xbf" + json.dumps(connect(TEXT)).encode(), (Form.BYTE_ORDER_MARK, Form.KAFKA_CONNECT)),
    ],
)
def test_framing_is_taken_off_where_json_lies_behind(body: bytes, forms: tuple[Form, ...]) -> None:
    decoded = decode(record_of(body))
    assert (decoded.event.overlay_id, decoded.forms) == (OVERLAY_ID, forms)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\0\0\0\0\7\x0a\x0b\x0c", "value is framed by a schema registry (schema id 7), not JSON"),
        (b"\0\0\1\0\1\0\x0a\x0b\x0c", "framed by a schema registry (schema id 65537), not JSON"),
        (b"\0\0\0\0\7" + RAW[:-1], "in a schema registry's framing: value is not JSON"),
        (b"\0\0\0\0\7{}", "in a schema registry's framing: tenant_id is required"),
        (glue(zlib.compress(RAW), 5), f"schema version {GLUE_VERSION}, compressed with zlib), not JSON"),
        (glue(b"\x0a\x0b"), f"framed by AWS Glue Schema Registry (schema version {GLUE_VERSION}), not JSON"),
        (TEXT.encode("utf-16"), "is UTF-16 or UTF-32 text, not UTF-8"),
        (TEXT.encode("utf-16-le"), "is UTF-16 or UTF-32 text, not UTF-8"),
        (TEXT.encode("utf-16-be"), "is UTF-16 or UTF-32 text, not UTF-8"),
        (TEXT.encode("utf-32"), "is UTF-16 or UTF-32 text, not UTF-8"),
        (gzip.compress(RAW), "is compressed with gzip, not JSON"),
        (zlib.compress(RAW), "is compressed with zlib, not JSON"),
        (zlib.compress(RAW, 1), "is compressed with zlib, not JSON"),
        (b"\x28\xb5\x2f\xfd\0", "is compressed with zstd, not JSON"),
        (b"Obj\x01\x04", "is an Avro container file, not JSON"),
        (b"\xac\xed\0\5t", "is a serialized Java object, not JSON"),
        (b"\x82\xa9tenant_id\xa1a\xa1b\xa1c", "looks like MessagePack, not JSON"),
        (b"\xa2itenant_idaaabac", "looks like CBOR, not JSON"),
        (b"\x0c\0\0\0\x10a\0\1\0\0\0\0", "looks like BSON, not JSON"),
        (b"<?xml version='1.0'?><a/>", "is XML or HTML, not JSON"),
        (base64.b64encode(RAW), "is Base64 text, not JSON"),
        (RAW.decode().encode("cp949", "replace"), "is not UTF-8"),
    ],
)
def test_framing_that_hides_no_json_is_named(body: bytes, said: str) -> None:
    assert said in detail_of(record_of(body))


@given(st.binary(min_size=4, max_size=4), valid_fields)
def test_whatever_the_schema_id_is_the_event_behind_it_is_read(schema_id: bytes, fields: dict[str, Any]) -> None:
    body = json.dumps(fields).encode()
    decoded = decode(record_of(b"\0" + schema_id + body))
    assert decoded.event.overlay_id == UUID(fields["overlay_id"])


@given(
    st.sampled_from([b"", b"\0\0\0\0\7", b"\xef\xbb\xbf", b"\3\0" + bytes(16), b"\0"]),
    st.binary(max_size=60) | json_values.map(lambda one: json.dumps(one).encode()),
    st.sampled_from([(), STRUCTURED, (("ce_type", b"overlay.completed"),)]),
)
def test_no_framing_leads_to_anything_but_a_verdict(prefix: bytes, body: bytes, headers: Any) -> None:  # noqa: ANN401
    with pytest.raises((InvalidEvent, IgnoredEvent)):
        decode(record_of(prefix + body, headers))


def test_the_contracts_own_forms_are_told_apart() -> None:
    assert decode(plain(EVENT)).forms == (Form.PLAIN,)
    assert decode(binary(EVENT)).forms == (Form.CLOUDEVENTS_BINARY,)
    assert decode(structured(EVENT)).forms == (Form.CLOUDEVENTS_STRUCTURED,)
