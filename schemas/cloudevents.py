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
_TRACESTATE: Final = re.compile(r"[ -~]{1,512}")  # the length that the standard asks for at least

# Versions after 00 may carry on after the flags; ff is not a version; zeros are not ids.
_TRACEPARENT: Final = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace_id>(?!0{32})[0-9a-f]{32})"
    r"-(?P<span_id>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?",
    re.DOTALL,
)


class TraceContext(NamedTuple):
    """Where in which trace a record was written: ids and flags in hexadecimal digits, as its headers have them."""

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
    """Find the caller's trace in record headers, as such or as a CloudEvents extension; None without a valid one.

    What the trace's systems said beside it (`tracestate`) is passed on if it can be a header.
    """
    if not headers:
        return None
    found = {name.lower(): value for name, value in headers}
    parent = _TRACEPARENT.fullmatch(_text(found.get("traceparent") or found.get("ce_traceparent")))
    if parent is None or (parent["version"] == "00" and parent["rest"]):
        return None
    tracestate = _text(found.get("tracestate") or found.get("ce_tracestate"))
    return TraceContext(
        parent["trace_id"], parent["span_id"], _flags(parent), tracestate if _TRACESTATE.fullmatch(tracestate) else None
    )


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


def _text(value: bytes | None) -> str:
    return value.decode("ascii", "replace") if value else ""


def _flags(parent: re.Match[str]) -> str:
    if parent["version"] == "00":
        return parent["flags"]
    # What a later version's other flags mean is unknown here; only "sampled" is promised.
    return f"{int(parent['flags'], 16) & 1:02x}"


def _require_id(identifier: bytes, length: int) -> None:
    if len(identifier) != length or not any(identifier):
        raise ValueError(f"a trace context id is {length} bytes, not all zero")
