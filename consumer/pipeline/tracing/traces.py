"""The port for tracing, and its default, which records nothing.

Trace context is propagated all the same: the created event continues the trace of its overlay's event.
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
    """Propagates trace context and records nothing; `RequestSpans` records spans."""

    def claimed(self, requests: Sequence[ClaimedRequest], *, asked_at_s: float) -> None:
        """Record that requests were claimed, requested at that time of the monotonic clock."""

    def of_event(self, request: ClaimedRequest, topic: str) -> TraceContext:  # noqa: ARG002 - for RequestSpans
        """Return the trace that the event to be written to `topic` belongs to."""
        return trace_after(request.source.headers)

    def trace_id(self, request: ClaimedRequest) -> str | None:
        """Return a request's trace id for log lines; None without one."""
        return trace_id_in(request.source.headers)

    def ended(self, outcome: Outcome, how: Ending) -> None:
        """Record how a handling ended, once that is in the ledger."""

    def refused(self, record: SourceRecord, reason: Reason) -> None:
        """Record that a record became a dead letter on arrival."""


def trace_after(headers: Headers) -> TraceContext:
    """Return the trace context of an event that follows from a record; a new one if the record has none."""
    return continue_trace(incoming_trace(headers), new_span_id=_random_id(8), new_trace_id=_random_id(16))


def trace_id_in(headers: Headers) -> str | None:
    """Return the id of the trace that a record came with, if it did."""
    trace = incoming_trace(headers)
    return trace.trace_id if trace else None


def _random_id(length: int) -> bytes:
    """Draw an id that is never all zero, which W3C Trace Context calls invalid."""
    return random.randbytes(length - 1) + b"\x01"
