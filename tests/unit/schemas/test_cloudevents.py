import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cloudevents import TraceContext, continue_trace, incoming_trace, outgoing_headers

SPAN, TRACE = bytes.fromhex("00f067aa0ba902b7"), bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
CALLER = "0af7651916cd43dd8448eb211c80319c"
CALLER_SPAN = "b7ad6b7169203331"
NEW_TRACE = f"00-{TRACE.hex()}-{SPAN.hex()}-01"


def continued(traceparent: str | None, *, span: bytes = SPAN, trace: bytes = TRACE) -> str:
    """The traceparent of what follows a record with this one."""
    headers = (("traceparent", traceparent.encode() if traceparent else None),)
    return continue_trace(incoming_trace(headers), new_span_id=span, new_trace_id=trace).traceparent


ids_of = {length: st.binary(min_size=length, max_size=length).filter(any) for length in (8, 16)}


def test_the_headers_are_those_of_binary_mode() -> None:
    headers = outgoing_headers(
        event_id="e-1",
        event_type="instagram_feed.created",
        source="/instagram-feed-consumer",
        subject="가",
        occurred_at=datetime(2026, 11, 1, tzinfo=UTC),
        trace=TraceContext(TRACE.hex(), SPAN.hex()),
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
    assert continued(traceparent, span=span, trace=unused) == f"00-{trace.hex()}-{span.hex()}-{flags:02x}"


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
    assert continued(traceparent) == NEW_TRACE


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_result_is_always_valid(traceparent: str) -> None:
    result = continued(traceparent)
    assert re.fullmatch("00-[0-9a-f]{32}-00f067aa0ba902b7-[0-9a-f]{2}", result)


@pytest.mark.parametrize("rest", ["", "-", "-what the future brings"])
def test_a_later_version_keeps_what_is_known_of_it(rest: str) -> None:
    traceparent = f"cc-{CALLER}-{CALLER_SPAN}-ff{rest}"
    assert continued(traceparent) == f"00-{CALLER}-{SPAN.hex()}-01"


@pytest.mark.parametrize(("span", "trace"), [(SPAN[1:], TRACE), (bytes(8), TRACE), (SPAN, SPAN), (SPAN, bytes(16))])
def test_ids_the_standard_forbids_are_refused(span: bytes, trace: bytes) -> None:
    with pytest.raises(ValueError, match="trace context id"):
        continue_trace(None, new_span_id=span, new_trace_id=trace)


def test_the_callers_trace_is_found_in_either_header() -> None:
    value = f"00-{CALLER}-{CALLER_SPAN}-00".encode()
    for headers in (
        (("Traceparent", value), ("other", b"b")),
        (("ce_traceparent", value),),
        (("traceparent", None), ("ce_traceparent", value)),
    ):
        assert incoming_trace(headers) == TraceContext(CALLER, CALLER_SPAN, "00")
    assert incoming_trace(()) is None
    assert incoming_trace((("traceparent", b"\xff"),)) is None


@pytest.mark.parametrize(
    ("tracestate", "passed_on"),
    [(b"vendor=a:1,b=2", "vendor=a:1,b=2"), (b"", None), (b"a=\xff", None), (b"a=1\nb", None), (b"a" * 513, None)],
)
def test_what_a_traces_systems_said_goes_with_it(tracestate: bytes, passed_on: str | None) -> None:
    headers = (("traceparent", NEW_TRACE.encode()), ("tracestate", tracestate))
    trace = continue_trace(incoming_trace(headers), new_span_id=SPAN, new_trace_id=TRACE)

    event_headers = dict(
        outgoing_headers(
            event_id="e-1",
            event_type="t",
            source="/s",
            subject="o",
            occurred_at=datetime(2026, 11, 1, tzinfo=UTC),
            trace=trace,
        )
    )
    assert event_headers.get("tracestate") == (passed_on.encode() if passed_on else None)


def test_a_state_without_a_trace_is_left_behind() -> None:
    assert incoming_trace((("traceparent", b"00-a"), ("tracestate", b"vendor=1"))) is None
