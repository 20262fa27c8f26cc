import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cloudevents import continue_trace, incoming_traceparent, outgoing_headers

SPAN, TRACE = bytes.fromhex("00f067aa0ba902b7"), bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
CALLER = "0af7651916cd43dd8448eb211c80319c"
CALLER_SPAN = "b7ad6b7169203331"
NEW_TRACE = f"00-{TRACE.hex()}-{SPAN.hex()}-01"

ids_of = {length: st.binary(min_size=length, max_size=length).filter(any) for length in (8, 16)}


def test_the_headers_are_those_of_binary_mode() -> None:
    headers = outgoing_headers(
        event_id="e-1",
        event_type="instagram_feed.created",
        source="/instagram-feed-consumer",
        subject="가",
        occurred_at=datetime(2026, 11, 1, tzinfo=UTC),
        traceparent=NEW_TRACE,
    )
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"e-1",
        "ce_source": b"/instagram-feed-consumer",
        "ce_type": b"instagram_feed.created",
        "ce_subject": "가".encode(),
        "ce_time": b"2026-11-01T00:00:00Z",
        "content-type": b"application/json",
        "traceparent": NEW_TRACE.encode(),
    }
    assert len(headers) == 8


@given(ids_of[16], ids_of[8], st.integers(0, 255), ids_of[8], ids_of[16])
def test_a_valid_trace_keeps_its_id_and_flags_under_a_new_span(
    trace: bytes, parent: bytes, flags: int, span: bytes, unused: bytes
) -> None:
    traceparent = f"00-{trace.hex()}-{parent.hex()}-{flags:02x}"
    continued = continue_trace(traceparent, new_span_id=span, new_trace_id=unused)
    assert continued == f"00-{trace.hex()}-{span.hex()}-{flags:02x}"


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        f"00-{CALLER}-{CALLER_SPAN}",
        f"00-{CALLER}-{CALLER_SPAN}-01-more",
        f"00-{CALLER}-{CALLER_SPAN}-01\n",
        f" 00-{CALLER}-{CALLER_SPAN}-01",
        f"ff-{CALLER}-{CALLER_SPAN}-01",
        f"00-{CALLER.upper()}-{CALLER_SPAN}-01",
        f"00-{'0' * 32}-{CALLER_SPAN}-01",
        f"00-{CALLER}-{'0' * 16}-01",
        f"01-{CALLER}-{CALLER_SPAN}-01more",
        f"00-{CALLER[:-1]}٣-{CALLER_SPAN}-01",
    ],
)
def test_anything_else_begins_a_sampled_trace(traceparent: str | None) -> None:
    assert continue_trace(traceparent, new_span_id=SPAN, new_trace_id=TRACE) == NEW_TRACE


@given(st.text())
def test_the_result_is_always_valid(traceparent: str) -> None:
    result = continue_trace(traceparent, new_span_id=SPAN, new_trace_id=TRACE)
    assert re.fullmatch("00-[0-9a-f]{32}-00f067aa0ba902b7-[0-9a-f]{2}", result)


@pytest.mark.parametrize("rest", ["", "-", "-what the future brings"])
def test_a_later_version_keeps_what_is_known_of_it(rest: str) -> None:
    traceparent = f"cc-{CALLER}-{CALLER_SPAN}-ff{rest}"
    assert continue_trace(traceparent, new_span_id=SPAN, new_trace_id=TRACE) == f"00-{CALLER}-{SPAN.hex()}-01"


@pytest.mark.parametrize(("span", "trace"), [(SPAN[1:], TRACE), (bytes(8), TRACE), (SPAN, SPAN), (SPAN, bytes(16))])
def test_ids_the_standard_forbids_are_refused(span: bytes, trace: bytes) -> None:
    with pytest.raises(ValueError, match="trace context id"):
        continue_trace(None, new_span_id=span, new_trace_id=trace)


def test_the_callers_trace_is_found_in_either_header() -> None:
    assert incoming_traceparent((("Traceparent", b"00-a"), ("other", b"b"))) == "00-a"
    assert incoming_traceparent((("ce_traceparent", b"00-c"),)) == "00-c"
    assert incoming_traceparent((("traceparent", None), ("ce_traceparent", b"00-c"))) == "00-c"
    assert incoming_traceparent(()) is None
    undecodable = incoming_traceparent((("traceparent", b"\xff"),))
    assert continue_trace(undecodable, new_span_id=SPAN, new_trace_id=TRACE) == NEW_TRACE
