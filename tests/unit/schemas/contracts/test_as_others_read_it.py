"""Records as the CloudEvents SDK reads and writes them, which knows nothing of this program."""

import json

from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from schemas.codec import decode_record
from schemas.contracts import examples
from schemas.forms import Form
from schemas.record import SourceRecord


def sent_by_the_sdk(message: KafkaMessage) -> SourceRecord:
    headers = tuple(message.headers.items())
    return SourceRecord("overlay.completed", 0, 7, 1_793_502_000_000, None, message.value, headers)


def foreign_event() -> CloudEvent:
    fields = {name: value for name, value in examples.OVERLAY_COMPLETED.items() if name != "event_id"}
    return CloudEvent({"id": "foreign-1", "source": "/overlays", "type": "overlay.completed"}, fields)


def test_the_sdk_reads_a_created_event_in_binary_mode() -> None:
    headers = {name: value.encode() for name, value in examples.created_headers().items()}
    overlay_id = str(examples.CREATED.overlay_id)

    event = from_kafka(KafkaMessage(headers, overlay_id, examples.CREATED.encode()), JSONFormat())

    assert (event.get_id(), event.get_type()) == (str(examples.CREATED.event_id), "instagram_feed.created")
    assert (event.get_source(), event.get_subject()) == ("/instagram-feed-consumer", overlay_id)
    assert event.get_time() == examples.CREATED.occurred_at
    assert event.get_data() == json.loads(examples.CREATED.encode())


def test_what_the_sdk_writes_in_binary_mode_is_read() -> None:
    decoded = decode_record(sent_by_the_sdk(to_binary(foreign_event(), JSONFormat())), max_event_bytes=262_144)

    assert (decoded.event.event_id, decoded.forms) == ("foreign-1", (Form.CLOUDEVENTS_BINARY,))


def test_what_the_sdk_writes_in_structured_mode_is_read() -> None:
    decoded = decode_record(sent_by_the_sdk(to_structured(foreign_event(), JSONFormat())), max_event_bytes=262_144)

    assert (decoded.event.event_id, decoded.forms) == ("foreign-1", (Form.CLOUDEVENTS_STRUCTURED,))
