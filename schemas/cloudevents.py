"""CloudEvents 1.0 binary mode and W3C trace context on the records that leave.

Sources: CloudEvents 1.0.2 Kafka protocol binding; W3C Trace Context, section 3.2.
"""

import re
from datetime import datetime
from typing import Final

from schemas.record import Headers
from schemas.wire_types import rfc3339

_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_SAMPLED: Final = "01"

# Versions after 00 may carry on after the flags; ff is not a version; zeros are not ids.
_TRACEPARENT: Final = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace_id>(?!0{32})[0-9a-f]{32})"
    r"-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?",
    re.DOTALL,
)


def outgoing_headers(
    *,
    event_id: str,
    event_type: str,
    source: str,
    subject: str,
    occurred_at: datetime,
    traceparent: str,
) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of a JSON event; `source` is a URI reference, `occurred_at` aware."""
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", event_type.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", rfc3339(occurred_at).encode()),
        ("content-type", b"application/json"),
        ("traceparent", traceparent.encode()),
    )


def incoming_traceparent(headers: Headers) -> str | None:
    """Find the caller's trace in record headers, as such or as a CloudEvents extension."""
    found = {name.lower(): value for name, value in headers}
    value = found.get("traceparent") or found.get("ce_traceparent")
    return value.decode("ascii", "replace") if value else None


def continue_trace(traceparent: str | None, *, new_span_id: bytes, new_trace_id: bytes) -> str:
    """Return the traceparent of what is done next.

    A valid `traceparent` keeps its trace id and flags; otherwise a sampled trace of
    `new_trace_id` (16 random bytes) begins. Either way the span is `new_span_id` (8).

    Raises:
        ValueError: an id of the wrong length or all zero, which the standard calls invalid.
    """
    _require_id(new_span_id, _SPAN_ID_BYTES)
    _require_id(new_trace_id, _TRACE_ID_BYTES)
    trace_id, flags = _trace_and_flags(traceparent or "") or (new_trace_id.hex(), _SAMPLED)
    return f"00-{trace_id}-{new_span_id.hex()}-{flags}"


def _trace_and_flags(traceparent: str) -> tuple[str, str] | None:
    parent = _TRACEPARENT.fullmatch(traceparent)
    if parent is None or (parent["version"] == "00" and parent["rest"]):
        return None
    if parent["version"] == "00":
        return parent["trace_id"], parent["flags"]
    # What a later version's other flags mean is unknown here; only "sampled" is promised.
    return parent["trace_id"], f"{int(parent['flags'], 16) & 1:02x}"


def _require_id(identifier: bytes, length: int) -> None:
    if len(identifier) != length or not any(identifier):
        raise ValueError(f"a trace context id is {length} bytes, not all zero")
