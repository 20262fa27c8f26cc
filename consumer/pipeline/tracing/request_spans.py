"""The handling of a request as spans: `process` within the trace of its event, with claim, LLM calls, store, `create`.

    send overlay.completed                       the producer's
    └─ process overlay.completed                 from claim to stored, one per handling of the request
       ├─ claim feed_requests
       ├─ chat gpt-4o-mini                       one per LLM call
       ├─ store instagram_feeds
       └─ create instagram_feed.created          in the event's traceparent: parent of consumers' spans

Spans are created once their times are known, most of them at the end: the steps in between know nothing of traces.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from consumer.pipeline.outcomes import Outcome, Written
from consumer.pipeline.tracing.call_spans import Attributes, CallSpan, ModelOf, call_spans
from consumer.pipeline.tracing.traces import Ending, Traces
from consumer.telemetry import span_attributes as names
from repository.requests import ClaimedRequest
from schemas.cloudevents import TraceContext, incoming_trace
from schemas.reasons import Reason
from schemas.record import Headers, SourceRecord

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_NS_PER_S: Final = 1_000_000_000
_MOST_OPEN: Final = 20_000  # more than are ever in flight, so that handlings without an end do not fill the memory

_Key = tuple[UUID, int, int]


@dataclass(slots=True)
class _Handling:
    """The open spans of one handling; `create` is there from when the event was built, at that time."""

    process: Span
    create: Span | None = None
    topic: str = ""
    built_at_ns: int = 0


class RequestSpans(Traces):
    """Records each handling as spans of this tracer; `with_texts` includes prompts and answers."""

    def __init__(self, tracer: Tracer, model_of: ModelOf, *, group_id: str, with_texts: bool) -> None:
        self._tracer = tracer
        self._model_of = model_of
        self._group_id = group_id
        self._with_texts = with_texts
        self._open: dict[_Key, _Handling] = {}

    def claimed(self, requests: Sequence[ClaimedRequest], *, asked_at_s: float) -> None:
        """Start the process spans of requests, with the span of the claim."""
        now_ns = time.time_ns()
        began_ns = now_ns - int((time.monotonic() - asked_at_s) * _NS_PER_S)
        for request in requests:
            handling = self._begin(request, began_ns)
            self._child(
                handling,
                "claim feed_requests",
                began_ns,
                now_ns,
                attributes=_of_statement("claim", "feed_requests", batch_size=len(requests)),
            )

    def of_event(self, request: ClaimedRequest, topic: str) -> TraceContext:
        """Start the `create` span, and return its context, which the event's consumers continue."""
        handling = self._open.get(_key(request)) or self._begin(request, time.time_ns())
        handling.built_at_ns = time.time_ns()
        if handling.create is None or handling.topic != topic:
            handling.topic = topic
            handling.create = self._tracer.start_span(
                f"create {topic}",
                set_span_in_context(handling.process),
                SpanKind.PRODUCER,
                _of_message("create", topic),
                start_time=handling.built_at_ns,
            )
        return _context_of(handling.create)

    def trace_id(self, request: ClaimedRequest) -> str | None:
        """Return the id of the trace that the request is handled in."""
        handling = self._open.get(_key(request))
        if handling is None:
            return super().trace_id(request)
        return _context_of(handling.process).trace_id

    def ended(self, outcome: Outcome, how: Ending) -> None:
        """End the spans of a handling, and add its LLM calls."""
        handling = self._open.pop(_key(outcome.request), None)
        if handling is None:
            return
        now_ns = time.time_ns()
        if handling.process.is_recording():
            for call in call_spans(outcome, self._model_of, with_texts=self._with_texts):
                self._add_call(handling, call, now_ns)
        if handling.create is not None:
            table = "instagram_feeds" if isinstance(outcome, Written) else "feed_requests"
            statement = _of_statement("store", table)
            self._child(handling, f"store {table}", handling.built_at_ns, now_ns, attributes=statement)
            handling.create.end(now_ns)
        _say_outcome(handling.process, outcome, how)
        handling.process.end(now_ns)

    def refused(self, record: SourceRecord, reason: Reason) -> None:
        """Record that a record became a dead letter on arrival."""
        span = self._process(record, {names.ERROR_TYPE: reason, names.FEED_OUTCOME: "refused"}, time.time_ns())
        span.set_status(Status(StatusCode.ERROR, "dead letter"))
        span.end()

    def _begin(self, request: ClaimedRequest, began_ns: int) -> _Handling:
        about: Attributes = {
            names.MESSAGING_MESSAGE_ID: request.event_id,
            names.FEED_OVERLAY_ID: str(request.overlay_id),
            names.FEED_REVISION: request.revision,
            names.FEED_TENANT_ID: request.tenant_id,
            names.FEED_ATTEMPT: request.attempts + 1,
        }
        if request.arm:
            about |= {names.FEED_EXPERIMENT: request.arm.name, names.FEED_VARIANT: request.arm.variant}
        handling = _Handling(self._process(request.source, about, began_ns))
        if len(self._open) >= _MOST_OPEN:
            self._open.pop(next(iter(self._open)))
        self._open[_key(request)] = handling
        return handling

    def _process(self, record: SourceRecord, about: Attributes, began_ns: int) -> Span:
        attributes: Attributes = {
            **_of_message("process", record.topic),
            names.MESSAGING_CONSUMER_GROUP_NAME: self._group_id,
            names.MESSAGING_DESTINATION_PARTITION_ID: str(record.partition),
            names.MESSAGING_KAFKA_OFFSET: record.offset,
            **about,
        }
        if record.key:
            with suppress(UnicodeDecodeError):
                attributes[names.MESSAGING_KAFKA_MESSAGE_KEY] = record.key.decode()
        parent = _parent(record.headers)
        return self._tracer.start_span(
            f"process {record.topic}", parent, SpanKind.CONSUMER, attributes, start_time=began_ns
        )

    def _add_call(self, handling: _Handling, call: CallSpan, now_ns: int) -> None:
        self._child(
            handling,
            call.name,
            _ns(call.began_at),
            _ns(call.ended_at) if call.ended_at else now_ns,
            attributes=call.attributes,
            error=call.error,
        )

    def _child(
        self,
        handling: _Handling,
        name: str,
        began_ns: int,
        ended_ns: int,
        *,
        attributes: Attributes,
        error: str | None = None,
    ) -> None:
        """Add a span that has ended."""
        within = set_span_in_context(handling.process)
        span = self._tracer.start_span(name, within, SpanKind.CLIENT, attributes, start_time=began_ns)
        if error:
            span.set_attribute(names.ERROR_TYPE, error)
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(ended_ns)


def _say_outcome(process: Span, outcome: Outcome, how: Ending) -> None:
    process.set_attribute(names.FEED_OUTCOME, how)
    if (cost_usd := outcome.usage.spent.cost_usd) is not None:
        process.set_attribute(names.FEED_COST_USD, float(cost_usd))
    if not isinstance(outcome, Written):
        process.set_attribute(names.ERROR_TYPE, outcome.reason)
        process.set_status(Status(StatusCode.ERROR, how))


def _parent(headers: Headers) -> Context:
    """Return the context of a record's producer; an empty one starts a new trace."""
    trace = incoming_trace(headers)
    if trace is None:
        return Context()
    carrier = {"traceparent": trace.traceparent, "tracestate": trace.tracestate or ""}
    return _PROPAGATOR.extract(carrier, Context())


def _context_of(span: Span) -> TraceContext:
    context = span.get_span_context()
    return TraceContext(
        format_trace_id(context.trace_id),
        format_span_id(context.span_id),
        f"{context.trace_flags:02x}",
        context.trace_state.to_header() or None,
    )


def _of_message(operation: str, topic: str) -> Attributes:
    return {
        names.MESSAGING_SYSTEM: "kafka",
        names.MESSAGING_OPERATION_NAME: operation,
        names.MESSAGING_OPERATION_TYPE: operation,
        names.MESSAGING_DESTINATION_NAME: topic,
    }


def _of_statement(operation: str, table: str, *, batch_size: int = 1) -> Attributes:
    attributes: Attributes = {
        names.DB_SYSTEM_NAME: "postgresql",
        names.DB_OPERATION_NAME: operation,
        names.DB_COLLECTION_NAME: table,
    }
    return attributes | {names.DB_OPERATION_BATCH_SIZE: batch_size} if batch_size > 1 else attributes


def _key(request: ClaimedRequest) -> _Key:
    return request.overlay_id, request.revision, request.fencing_token


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * _NS_PER_S)
