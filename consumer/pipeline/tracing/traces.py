"""Whether anybody is told of each request's handling as spans of a trace: here nobody is.

The trace that an event came with goes on all the same: what announces its post belongs to it.
"""

import random
from collections.abc import Sequence
from typing import Literal

from consumer.pipeline.outcomes import Outcome
from repository.requests import ClaimedRequest
from schemas.cloudevents import TraceContext, continue_trace, incoming_trace
from schemas.reasons import Reason
from schemas.record import Headers, SourceRecord

Ending = Literal["stored", "superseded", "retry_later", "held", "rejected"]


class Traces:
    """Passes traces on and tells nobody; `consumer.pipeline.tracing.request_spans` has one that tells."""

    def claimed(self, requests: Sequence[ClaimedRequest], *, asked_at_s: float) -> None:
        """Hear that requests were claimed, asked for at that time of the monotonic clock."""

    def of_event(self, request: ClaimedRequest, topic: str) -> TraceContext:  # noqa: ARG002 - for those who tell
        """Return the trace that the event to be written to `topic` belongs to."""
        return trace_after(request.source.headers)

    def trace_id(self, request: ClaimedRequest) -> str | None:
        """Return what log lines name a request's trace by; None without one."""
        return trace_id_in(request.source.headers)

    def ended(self, outcome: Outcome, how: Ending) -> None:
        """Hear how a handling ended, once that is in the ledger."""

    def refused(self, record: SourceRecord, reason: Reason) -> None:
        """Hear that a record became a dead letter on arrival."""


def trace_after(headers: Headers) -> TraceContext:
    """Return the trace of what follows a record; a new one without a valid one in its headers."""
    return continue_trace(incoming_trace(headers), new_span_id=_random_id(8), new_trace_id=_random_id(16))


def trace_id_in(headers: Headers) -> str | None:
    """Return the id of the trace that a record came with, if it did."""
    trace = incoming_trace(headers)
    return trace.trace_id if trace else None


def _random_id(length: int) -> bytes:
    """Draw an id that is never all zero, which W3C Trace Context calls invalid."""
    return random.randbytes(length - 1) + b"\x01"
