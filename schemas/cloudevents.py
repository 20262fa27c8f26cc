"""CloudEvents 1.0 binary mode and W3C trace context on the records that leave.

Sources: CloudEvents 1.0.2 Kafka protocol binding; W3C Trace Context, section 3.2.
"""

import re
from datetime import datetime
from typing import Final, NamedTuple

from schemas.record import Headers
from schemas.wire_types import rfc3339

_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_SAMPLED: Final = "01"
_TRACESTATE: Final = re.compile(r"[ -~]{1,512}")  # the minimum length required by the standard

# Versions after 00 may carry on after the flags; ff is not a version; zeros are not ids.
_TRACEPARENT: Final = re.compile(
    r"((?!ff)[0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?",
    re.DOTALL,
)


class TraceContext(NamedTuple):
    """The trace context of a record: ids and flags in hexadecimal digits, as in headers."""

    trace_id: str
    span_id: str
    flags: str = _SAMPLED
    tracestate: str | None = None

    @property
    def traceparent(self) -> str:
        """The value of the header `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def outgoing_headers(
    *,
    event_id: str,
    event_type: str,
    source: str,
    subject: str,
    occurred_at: datetime,
    trace: TraceContext,
) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of a JSON event; `source` is a URI reference, `occurred_at` aware."""
    tracestate = (("tracestate", trace.tracestate.encode()),) if trace.tracestate else ()
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", event_type.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", rfc3339(occurred_at).encode()),
        ("content-type", b"application/json"),
        ("traceparent", trace.traceparent.encode()),
        *tracestate,
    )


def incoming_trace(headers: Headers) -> TraceContext | None:
    """Return the trace context in record headers, as such or as a CloudEvents extension; None without a valid one.

    A `tracestate` is passed on if it is a valid header.
    """
    if not headers:
        return None
    found = {name.lower(): value for name, value in headers}
    traceparent = found.get("traceparent") or found.get("ce_traceparent")
    parent = _TRACEPARENT.fullmatch(traceparent.decode("ascii", "replace")) if traceparent else None
    if parent is None:
        return None
    version, trace_id, span_id, flags, rest = parent.groups()
    if version != "00":
        # Later versions may define other flags; only "sampled" is guaranteed.
        flags = f"{int(flags, 16) & 1:02x}"
    elif rest:
        return None
    return TraceContext(trace_id, span_id, flags, _tracestate(found.get("tracestate") or found.get("ce_tracestate")))


def continue_trace(trace: TraceContext | None, *, new_span_id: bytes, new_trace_id: bytes) -> TraceContext:
    """Return the trace of what is done next.

    It keeps id, flags and state of `trace`; without one a sampled trace of `new_trace_id` (16 random bytes) begins.
    Either way the span is `new_span_id` (8).

    Raises:
        ValueError: an id of the wrong length or all zero, which the standard calls invalid.
    """
    _require_id(new_span_id, _SPAN_ID_BYTES)
    _require_id(new_trace_id, _TRACE_ID_BYTES)
    if trace is None:
        return TraceContext(new_trace_id.hex(), new_span_id.hex())
    return TraceContext(trace.trace_id, new_span_id.hex(), trace.flags, trace.tracestate)


def _tracestate(value: bytes | None) -> str | None:
    if value is None:
        return None
    text = value.decode("ascii", "replace")
    return text if _TRACESTATE.fullmatch(text) else None


def _require_id(identifier: bytes, length: int) -> None:
    if len(identifier) != length or not any(identifier):
        raise ValueError(f"a trace context id is {length} bytes, not all zero")
