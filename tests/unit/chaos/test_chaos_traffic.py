"""Each record of the traffic is to the decoder what the traffic says it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import InvalidEvent, decode_overlay_completed
from schemas.record import SourceRecord
from tests.chaos.traffic import RecordMaker, TrafficRecord

MAX_EVENT_BYTES = 262_144
seeds = st.integers(min_value=0, max_value=2**31).map(str)


def source(record: TrafficRecord) -> SourceRecord:
    return SourceRecord("incoming", 0, 0, 0, record.key, record.value, ())


@given(seeds)
def test_poison_is_refused_by_the_decoder(seed: str) -> None:
    with pytest.raises(InvalidEvent):
        decode_overlay_completed(source(RecordMaker(seed).poison()), max_event_bytes=MAX_EVENT_BYTES)


@given(seeds)
def test_a_good_event_is_about_the_overlay_it_is_kept_under(seed: str) -> None:
    record = RecordMaker(seed).valid()
    event = decode_overlay_completed(source(record), max_event_bytes=MAX_EVENT_BYTES)
    assert event.overlay_id == record.overlay_id
