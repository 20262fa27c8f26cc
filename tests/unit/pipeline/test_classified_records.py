import dataclasses
import json

from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.poller import Poll
from consumer.pipeline.classified_records import classify_records, with_refused
from consumer.pipeline.dead_letters import Refusal
from schemas.reasons import Reason
from tests.support.kafka_records import encoded, overlay_event

MAX_EVENT_BYTES = 10_000
INVALID = b"not json"
OF_ANOTHER_TYPE = encoded(overlay_event(event_type="overlay.deleted"))


def record(value: bytes | None, partition: int = 0, offset: int = 0) -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord(
        topic="overlay.completed",
        partition=partition,
        offset=offset,
        timestamp=1_793_520_000_000,
        timestamp_type=0,
        key=b"key",
        value=value,
        checksum=None,
        serialized_key_size=3,
        serialized_value_size=len(value or b""),
        headers=[("name", b"value")],
    )


def poll(*values: bytes | None) -> Poll:
    return {TopicPartition("overlay.completed", 0): [record(value, offset=index) for index, value in enumerate(values)]}


def test_records_are_told_apart() -> None:
    event = overlay_event()
    found = classify_records(poll(INVALID, encoded(event), OF_ANOTHER_TYPE), max_event_bytes=MAX_EVENT_BYTES)
    assert [str(overlay_id) for overlay_id in found.events] == [event["overlay_id"]]
    assert [refusal.source.offset for refusal in found.invalid] == [0]
    assert (len(found.ignored), found.repeated) == (1, 0)
    assert list(found.valid) == [False, True, True]


def test_of_an_overlay_s_records_the_first_counts_whatever_partition_it_came_from() -> None:
    overlay_id = overlay_event()["overlay_id"]
    copies = [overlay_event(overlay_id=overlay_id) for _ in range(3)]
    partitions = {
        TopicPartition("overlay.completed", number): [record(encoded(copy), number)]
        for number, copy in enumerate(copies)
    }
    found = classify_records(partitions, max_event_bytes=MAX_EVENT_BYTES)
    [(source, event)] = found.events.values()
    assert (source.partition, event.event_id) == (0, copies[0]["event_id"])
    assert found.repeated == 2


def test_the_record_is_kept_as_it_came() -> None:
    event = encoded(overlay_event())
    [(source, _)] = classify_records(poll(event), max_event_bytes=MAX_EVENT_BYTES).events.values()
    assert (source.topic, source.partition, source.offset) == ("overlay.completed", 0, 0)
    assert (source.timestamp_ms, source.key, source.value) == (1_793_520_000_000, b"key", event)
    assert source.headers == (("name", b"value"),)


def test_the_limit_in_bytes_holds() -> None:
    event = encoded(overlay_event(product_description="a" * 500))
    [refusal] = classify_records(poll(event), max_event_bytes=len(event) - 1).invalid
    assert "bytes" in refusal.detail
    assert len(classify_records(poll(event), max_event_bytes=len(event)).events) == 1


values = st.one_of(
    st.builds(lambda: encoded(overlay_event())),
    st.just(encoded(overlay_event())),
    st.just(OF_ANOTHER_TYPE),
    st.none(),
    st.binary(max_size=40),
    st.recursive(st.none() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5).map(
        lambda value: json.dumps(value).encode()
    ),
)


@given(st.lists(values, max_size=12))
def test_every_record_is_accounted_for_exactly_once(records: list[bytes | None]) -> None:
    found = classify_records(poll(*records), max_event_bytes=MAX_EVENT_BYTES)
    assert len(found.events) + len(found.invalid) + len(found.ignored) + found.repeated == len(records)
    assert len(found.valid) == len(records)
    assert list(found.valid).count(False) == len(found.invalid)


def test_a_refused_event_counts_as_invalid_in_its_place_among_the_records() -> None:
    events = [encoded(overlay_event()) for _ in range(3)]
    found = classify_records(poll(INVALID, *events), max_event_bytes=MAX_EVENT_BYTES)
    source, _ = list(found.events.values())[1]
    after = with_refused(found, [Refusal(source, Reason.STORE_REFUSED, "the database refuses it")])
    assert after.valid == [False, True, False, True]
    assert [refusal.reason for refusal in after.invalid] == ["invalid_event", "store_refused"]
    assert len(after.events) == 2


def test_a_record_without_a_timestamp_is_an_event_like_any_other() -> None:
    from_format_09 = dataclasses.replace(record(encoded(overlay_event())), timestamp=None)
    found = classify_records(
        {TopicPartition("overlay.completed", 0): [from_format_09]}, max_event_bytes=MAX_EVENT_BYTES
    )
    [(source, _)] = found.events.values()
    assert source.timestamp_ms == -1
