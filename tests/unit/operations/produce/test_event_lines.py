import json

from hypothesis import given
from hypothesis import strategies as st

from consumer.operations.produce.event_lines import EventLine, key_of, problems_of, record_of
from schemas.event_types import DEFAULT_EVENT_TYPES
from tests.support.kafka_records import encoded, overlay_event

MAX_BYTES = 262_144


def test_a_line_is_keyed_by_its_overlay() -> None:
    event = overlay_event()

    assert key_of(encoded(event)) == str(event["overlay_id"]).encode()


def test_an_overlay_inside_a_cloudevents_envelope_is_found() -> None:
    event = overlay_event()

    assert key_of(encoded({"specversion": "1.0", "data": event})) == str(event["overlay_id"]).encode()


@given(
    st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_a_line_without_overlay_is_sent_as_it_is_and_without_key(value: bytes) -> None:
    record = record_of(EventLine(1, value), topic="overlay.completed")

    assert (record.key, record.value, record.headers) == (None, value, ())


def test_each_line_that_the_consumer_would_not_take_is_named_with_its_problem() -> None:
    values = [encoded(overlay_event()), b"{oops", encoded(overlay_event(tone_style=...)), encoded({"event_type": "x"})]
    lines = [EventLine(number, value) for number, value in enumerate(values, 1)]

    problems = problems_of(lines, topic="overlay.completed", max_event_bytes=MAX_BYTES, event_types=DEFAULT_EVENT_TYPES)

    assert list(problems) == [2, 3, 4]
    assert problems[2].startswith("value is not JSON")
    assert problems[3] == "tone_style is required"
    assert problems[4] == "not an overlay.completed: x"


@given(st.binary())
def test_a_blank_line_is_one_of_white_space(value: bytes) -> None:
    assert EventLine(1, value).is_blank == (value.strip() == b"")
