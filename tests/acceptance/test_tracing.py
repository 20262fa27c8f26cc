"""One event as spans, from a foreign producer's to a foreign consumer's, in a receiver that is not this program's."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, format_trace_id

from devstack.endpoints import Endpoints
from tests.support.kafka_records import encoded, overlay_event
from tests.support.otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver
from tests.support.service import DEADLINE_S, Service, lasting_service
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

CAPTION = "Ocean Blue Shirt"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def receiver(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OtlpReceiver]:
    async with otlp_receiver(tmp_path_factory.mktemp("spans")) as receiver:
        yield receiver


def traced(receiver: OtlpReceiver, **more: str) -> dict[str, str]:
    return {
        "TRACING": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        "RETRY_BASE_S": "0.1",
        **more,
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def traced_service(stack: Endpoints, migrated_template: str, receiver: OtlpReceiver) -> AsyncIterator[Service]:
    async with lasting_service(stack, migrated_template, traced(receiver)) as service:
        yield service


@asynccontextmanager
async def foreign(name: str, receiver: OtlpReceiver) -> AsyncIterator[TracerProvider]:
    """OpenTelemetry in another service; its spans are sent when the block ends."""
    provider = TracerProvider(resource=Resource({"service.name": name}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{receiver.endpoint}/v1/traces")))
    yield provider
    await asyncio.to_thread(provider.shutdown)


async def sent_by_a_producer(service: Service, receiver: OtlpReceiver, event: Mapping[str, object]) -> str:
    """Send an event within a producer's span; gives the id of its trace."""
    async with foreign("upstream", receiver) as provider:
        tracer = provider.get_tracer("upstream")
        with tracer.start_as_current_span("send overlay.completed", kind=SpanKind.PRODUCER) as span:
            carrier: dict[str, str] = {}
            inject(carrier)
            headers = [(name, value.encode()) for name, value in carrier.items()]
            await service.send(encoded(event), headers=headers)
            return format_trace_id(span.get_span_context().trace_id)


async def read_by_a_consumer(service: Service, receiver: OtlpReceiver, overlay_id: str) -> None:
    """Have the created event handled within a consumer's span."""
    [record] = await service.announced(service.topics.created, overlay_id)
    carrier = {name: value.decode() for name, value in record.headers}
    async with foreign("publisher", receiver) as provider:
        tracer = provider.get_tracer("publisher")
        with tracer.start_as_current_span("publish post", extract(carrier), kind=SpanKind.CONSUMER):
            pass


async def spans_of(receiver: OtlpReceiver, trace_id: str, *wanted: str) -> dict[str, ReceivedSpan]:
    """The spans of a trace by their names, once all of these are there."""

    def all_there() -> dict[str, ReceivedSpan]:
        found = {span.name: span for span in receiver.trace(trace_id)}
        return found if found.keys() >= set(wanted) else {}

    return await eventually(all_there, DEADLINE_S)


async def test_one_event_is_followed_from_its_producer_to_the_consumer_of_its_post(
    traced_service: Service, receiver: OtlpReceiver
) -> None:
    service = traced_service
    event = overlay_event()
    overlay_id, created, incoming = str(event["overlay_id"]), service.topics.created, service.topics.incoming

    trace_id = await sent_by_a_producer(service, receiver, event)
    feed = await service.feed(overlay_id)
    await read_by_a_consumer(service, receiver, overlay_id)

    spans = await spans_of(receiver, trace_id, "publish post", f"process {incoming}", "send overlay.completed")
    way = ["publish post", f"create {created}", f"process {incoming}", "send overlay.completed"]
    assert [spans[name].parent_id for name in way] == [*(spans[name].span_id for name in way[1:]), ""]
    assert [spans[name].kind for name in way] == ["CONSUMER", "PRODUCER", "CONSUMER", "PRODUCER"]
    process = spans[f"process {incoming}"]
    for child in ("claim feed_requests", "chat gpt-4o-mini", "store instagram_feeds"):
        assert spans[child].parent_id == process.span_id
        assert process.began_ns <= spans[child].began_ns <= spans[child].ended_ns <= process.ended_ns
    assert len(spans) == 7
    call = spans["chat gpt-4o-mini"].attributes
    assert call["gen_ai.usage.input_tokens"] == feed["prompt_tokens"]
    assert call["gen_ai.usage.output_tokens"] == feed["completion_tokens"]
    assert call["feed.cost_usd"] > 0
    assert process.attributes["feed.outcome"] == "stored"
    assert process.attributes["messaging.destination.name"] == incoming
    assert not any(CAPTION in str(span.attributes) for span in spans.values())
    [line] = [line for line in service.consumer.events("feed.stored") if line["overlay_id"] == overlay_id]
    assert line["trace_id"] == trace_id


async def test_a_call_that_failed_and_the_one_that_repaired_it_are_two_spans_in_two_handlings(
    traced_service: Service, receiver: OtlpReceiver
) -> None:
    service = traced_service
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await service.spoil(overlay_id, {"kind": "server_error_500", "first": 1})

    trace_id = await sent_by_a_producer(service, receiver, event)
    await service.feed(overlay_id)

    def both_handlings() -> list[ReceivedSpan]:
        found = receiver.trace(trace_id)
        return found if sum(span.name.startswith("process ") for span in found) == 2 else []

    spans = await eventually(both_handlings, DEADLINE_S)
    handlings = [span for span in spans if span.name.startswith("process ")]
    calls = [span for span in spans if span.name.startswith("chat ")]
    assert sorted(span.attributes["feed.outcome"] for span in handlings) == ["retry_later", "stored"]
    assert sorted((span.is_error, span.attributes["feed.llm_call.verdict"]) for span in calls) == [
        (False, "stored"),
        (True, "failed"),
    ]


async def test_a_record_that_is_no_event_ends_its_trace_with_an_error(
    traced_service: Service, receiver: OtlpReceiver
) -> None:
    trace_id = await sent_by_a_producer(traced_service, receiver, {"tenant_id": 1})

    incoming = traced_service.topics.incoming
    spans = await spans_of(receiver, trace_id, f"process {incoming}")

    assert spans[f"process {incoming}"].is_error
    assert spans[f"process {incoming}"].attributes["error.type"] == "invalid_event"
    [line] = [line for line in traced_service.consumer.events("event.invalid") if line.get("trace_id") == trace_id]
    assert line["reason"] == "invalid_event"


async def test_texts_are_in_the_spans_only_if_they_are_asked_for_and_what_is_left_is_sent_at_the_end(
    stack: Endpoints, migrated_template: str, receiver: OtlpReceiver
) -> None:
    slow = traced(receiver, TRACE_TEXTS="true", OTEL_BSP_SCHEDULE_DELAY="60000", OTEL_SERVICE_NAME="posts")
    event = overlay_event()
    async with lasting_service(stack, migrated_template, slow) as service:
        trace_id = await sent_by_a_producer(service, receiver, event)
        await service.feed(str(event["overlay_id"]))

    spans = await spans_of(receiver, trace_id, "chat gpt-4o-mini")

    assert CAPTION in spans["chat gpt-4o-mini"].attributes["gen_ai.input.messages"]
    assert spans["chat gpt-4o-mini"].attributes["gen_ai.output.messages"]
    assert spans["chat gpt-4o-mini"].service == "posts"


async def test_a_collector_that_is_away_holds_nothing_up(stack: Endpoints, migrated_template: str) -> None:
    nowhere = {
        "TRACING": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    async with lasting_service(stack, migrated_template, nowhere) as service:
        await service.feed(await service.send_event())
