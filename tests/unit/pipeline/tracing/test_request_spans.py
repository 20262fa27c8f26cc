"""The spans of one request's handling, read back from OpenTelemetry's own exporter."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import SpanKind

from consumer.pipeline.outcomes import Rejected, RetryLater, Written, usage_so_far
from consumer.pipeline.tracing import request_spans
from consumer.pipeline.tracing.request_spans import RequestSpans
from consumer.pipeline.tracing.traces import Ending
from consumer.post.editor import EditedPost
from repository.llm_models import LlmModel
from repository.requests import ClaimedRequest
from schemas.call_verdict import CallVerdict
from schemas.post import InstagramPost
from schemas.reasons import Reason
from tests.support.examples import answer, claimed_request, llm_call, llm_model, overlay_completed, source_record

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
MODEL = llm_model()


class Traced:
    """Spans of a tracer that keeps them in memory."""

    def __init__(self, *, sampler: Sampler = ParentBased(ALWAYS_ON), with_texts: bool = False) -> None:  # noqa: B008
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.spans = RequestSpans(provider.get_tracer("t"), self._model_of, group_id="g", with_texts=with_texts)

    @staticmethod
    def _model_of(model_id: UUID) -> LlmModel | None:
        return MODEL if model_id == MODEL.llm_model_id else None

    @property
    def ended(self) -> list[ReadableSpan]:
        """All spans that have ended."""
        return list(self._exporter.get_finished_spans())

    def one(self, name: str) -> ReadableSpan:
        """The only one of a name."""
        [found] = [span for span in self.ended if span.name == name]
        return found


def request_of(flags: str = "01", **changes: object) -> ClaimedRequest:
    headers = (("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-{flags}".encode()), ("tracestate", b"vendor=1"))
    return claimed_request(source=source_record(headers=headers, key=b"key-1"), **changes)


def written(request: ClaimedRequest) -> Written:
    event = overlay_completed(overlay_id=str(request.overlay_id))
    edited = EditedPost(InstagramPost("가을 니트", "#가을"), warnings=())
    the_answer = answer(model=MODEL, called_at=datetime.now(UTC))
    return Written(request=request, usage=usage_so_far(request), event=event, edited=edited, answer=the_answer)


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def seconds_of(span: ReadableSpan) -> float:
    return ((span.end_time or 0) - (span.start_time or 0)) / 1e9


def test_a_stored_post_is_a_process_span_in_the_trace_of_its_event_with_all_that_happened_in_it() -> None:
    traced, request = Traced(), request_of()

    traced.spans.claimed([request], asked_at_s=time.monotonic() - 0.25)
    trace = traced.spans.of_event(request, "created")
    assert traced.spans.trace_id(request) == TRACE_ID == trace.trace_id
    assert traced.spans.of_event(request, "created") == trace  # a store that is tried again announces the same
    traced.spans.ended(written(request), "stored")

    process = traced.one(f"process {request.source.topic}")
    assert process.parent is not None
    assert (f"{process.parent.span_id:016x}", process.kind) == (SPAN_ID, SpanKind.CONSUMER)
    create = traced.one("create created")
    assert (f"{create.context.span_id:016x}", create.kind) == (trace.span_id, SpanKind.PRODUCER)
    assert (trace.flags, trace.tracestate) == ("01", "vendor=1")
    names = {"claim feed_requests", "chat gpt-4o-mini", "store instagram_feeds", "create created", process.name}
    assert {span.name for span in traced.ended} == names
    assert {span.parent.span_id for span in traced.ended if span is not process and span.parent} == {
        process.context.span_id
    }
    claim = traced.one("claim feed_requests")
    assert 0.2 < seconds_of(claim) < 5
    assert attributes_of(process)["messaging.kafka.message.key"] == "key-1"
    assert attributes_of(process)["feed.outcome"] == "stored"


def test_a_call_has_what_the_conventions_ask_for_and_no_text() -> None:
    traced, request = Traced(), request_of()
    traced.spans.claimed([request], asked_at_s=time.monotonic())
    traced.spans.ended(written(request), "stored")

    call = attributes_of(traced.one("chat gpt-4o-mini"))

    assert call == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.max_tokens": 1_000,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 500,
        "gen_ai.usage.output_tokens": 200,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "feed.cost_usd": pytest.approx(0.000195),
        "feed.llm_call.verdict": "stored",
        "feed.llm_call.number": 1,
        "feed.prompt_version": "feed-post-1",
    }


def test_texts_are_there_if_they_are_asked_for() -> None:
    traced, request = Traced(with_texts=True), request_of()
    traced.spans.claimed([request], asked_at_s=time.monotonic())
    kept_from_it = llm_call(request, MODEL.llm_model_id)
    outcome = written(request)
    traced.spans.ended(replace(outcome, usage=outcome.usage.with_unused(kept_from_it)), "stored")

    calls = [attributes_of(span) for span in traced.ended if span.name == "chat gpt-4o-mini"]

    assert all('"role": "user"' in call["gen_ai.input.messages"] for call in calls)
    assert "가을 니트" in calls[1]["gen_ai.output.messages"]


@pytest.mark.parametrize(("how", "reason"), [("retry_later", Reason.LLM_UNAVAILABLE), ("rejected", Reason.LLM_REFUSED)])
def test_an_end_without_a_post_is_an_error_with_its_reason_and_its_calls(how: Ending, reason: Reason) -> None:
    traced, request = Traced(), request_of(attempts=2)
    began = datetime.now(UTC)
    failed = llm_call(
        request,
        MODEL.llm_model_id,
        verdict=CallVerdict.UNANSWERED,
        called_at=began,
        ended_at=began + timedelta(seconds=60),
        latency_ms=None,
        prompt_tokens=None,
        cost_usd=None,
    )
    usage = usage_so_far(request).with_unused(failed)
    outcome: Rejected | RetryLater = (
        Rejected(request=request, usage=usage, attempts=3, reason=reason, detail="d")
        if how == "rejected"
        else RetryLater(request=request, usage=usage, attempts=3, delay_s=1, reason=reason, detail="d")
    )
    traced.spans.claimed([request], asked_at_s=time.monotonic())
    traced.spans.ended(outcome, how)

    process, call = traced.one(f"process {request.source.topic}"), traced.one("chat gpt-4o-mini")
    assert not process.status.is_ok
    assert attributes_of(process)["error.type"] == reason
    assert attributes_of(process)["feed.attempt"] == 3
    assert attributes_of(call)["error.type"] == "unanswered"
    assert "gen_ai.usage.input_tokens" not in attributes_of(call)
    assert seconds_of(call) == pytest.approx(60)


def test_a_model_that_is_not_called_any_more_is_not_named() -> None:
    traced, request = Traced(), request_of()
    other = llm_call(request, UUID(int=1), cost_usd=Decimal(0))
    traced.spans.claimed([request], asked_at_s=time.monotonic())
    usage = usage_so_far(request).with_unused(other)
    traced.spans.ended(
        Rejected(request=request, usage=usage, attempts=1, reason=Reason.LLM_OUTPUT_INVALID, detail="d"), "rejected"
    )

    assert "gen_ai.request.model" not in attributes_of(traced.one("chat"))


def test_what_its_producer_did_not_sample_is_passed_on_and_not_sent() -> None:
    traced, request = Traced(), request_of(flags="00")
    traced.spans.claimed([request], asked_at_s=time.monotonic())
    trace = traced.spans.of_event(request, "created")
    traced.spans.ended(written(request), "stored")

    assert (trace.trace_id, trace.flags) == (TRACE_ID, "00")
    assert traced.ended == []


def test_a_sampler_that_refuses_all_leaves_a_trace_to_go_on_with() -> None:
    traced, request = Traced(sampler=ALWAYS_OFF), claimed_request()
    traced.spans.claimed([request], asked_at_s=time.monotonic())

    trace = traced.spans.of_event(request, "created")

    assert int(trace.flags, 16) & 1 == 0
    assert int(trace.trace_id, 16)
    assert int(trace.span_id, 16)


def test_an_outcome_that_was_claimed_before_this_process_had_tracing_is_told_all_the_same() -> None:
    traced, request = Traced(), request_of()

    assert traced.spans.trace_id(request) == TRACE_ID
    traced.spans.ended(written(request), "stored")  # never claimed here: nothing to end
    assert traced.spans.of_event(request, "created").trace_id == TRACE_ID


def test_a_refused_record_is_an_error_in_its_trace() -> None:
    traced = Traced()

    traced.spans.refused(request_of().source, Reason.INVALID_EVENT)

    [span] = traced.ended
    assert (attributes_of(span)["error.type"], span.context.trace_id) == ("invalid_event", int(TRACE_ID, 16))


def test_handlings_whose_end_is_never_heard_of_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_spans, "_MOST_OPEN", 2)
    traced, requests = Traced(), [request_of() for _ in range(3)]
    traced.spans.claimed(requests, asked_at_s=time.monotonic())

    for request in requests:
        traced.spans.ended(written(request), "stored")

    assert len([span for span in traced.ended if span.name.startswith("process ")]) == 2
