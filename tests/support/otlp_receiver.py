"""Where spans arrive over OTLP/HTTP: decoded with OpenTelemetry's own messages, or by a real collector.

`TEST_OTELCOL=/path/to/otelcol` names a collector with the OTLP receiver and the file exporter.
"""

import asyncio
import gzip
import json
import os
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.waiting import eventually

REAL_COLLECTOR = os.environ.get("TEST_OTELCOL")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedSpan:
    """A span as a backend has it; ids in hexadecimal digits, kinds by their names, `parent_id` empty at the root."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    began_ns: int
    ended_ns: int
    is_error: bool
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OtlpReceiver:
    """One that runs: the base URL for OTEL_EXPORTER_OTLP_ENDPOINT, and what has come by now."""

    endpoint: str
    read: Callable[[], Sequence[ReceivedSpan]]

    def trace(self, trace_id: str) -> list[ReceivedSpan]:
        """The spans of one trace so far."""
        return [span for span in self.read() if span.trace_id == trace_id]


@asynccontextmanager
async def otlp_receiver(folder: Path) -> AsyncIterator[OtlpReceiver]:
    """A receiver for the time of a block; a collector writes into the folder."""
    if REAL_COLLECTOR:
        async with _collector(REAL_COLLECTOR, folder) as receiver:
            yield receiver
        return
    received: list[ReceivedSpan] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        message = ExportTraceServiceRequest.FromString(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        received.extend(_spans(_as_otlp_json(message)))
        return web.Response(body=b"", content_type="application/x-protobuf")

    application = web.Application()
    application.router.add_post("/v1/traces", take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield OtlpReceiver(f"http://127.0.0.1:{runner.addresses[0][1]}", lambda: received)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _collector(program: str, folder: Path) -> AsyncIterator[OtlpReceiver]:
    port, file = _free_port(), folder / "spans.jsonl"
    config = folder / "collector.yaml"
    config.write_text(
        json.dumps(
            {
                "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
                "exporters": {"file": {"path": str(file), "flush_interval": "200ms"}},
                "service": {
                    "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}},
                    "telemetry": {"metrics": {"level": "none"}},
                },
            }
        )
    )
    process = await asyncio.create_subprocess_exec(program, "--config", str(config), stdout=DEVNULL, stderr=DEVNULL)
    try:
        await eventually(lambda: _answers(port))
        yield OtlpReceiver(f"http://127.0.0.1:{port}", lambda: list(_spans_in(file)))
    finally:
        process.terminate()
        await process.wait()


def _spans_in(file: Path) -> Iterator[ReceivedSpan]:
    text = file.read_text() if file.exists() else ""
    for line in text.rpartition("\n")[0].splitlines():  # the last one may be half written
        yield from _spans(json.loads(line))


def _spans(document: dict[str, Any]) -> Iterator[ReceivedSpan]:
    for resource in document["resourceSpans"]:
        service = _attributes(resource["resource"])["service.name"]
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                yield ReceivedSpan(
                    service=service,
                    name=span["name"],
                    kind=_KINDS.get(span.get("kind"), str(span.get("kind"))),
                    trace_id=span["traceId"],
                    span_id=span["spanId"],
                    parent_id=span.get("parentSpanId", ""),
                    began_ns=int(span["startTimeUnixNano"]),
                    ended_ns=int(span["endTimeUnixNano"]),
                    is_error=span.get("status", {}).get("code") in {2, "STATUS_CODE_ERROR"},
                    attributes=_attributes(span),
                )


_KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}


def _as_otlp_json(message: ExportTraceServiceRequest) -> dict[str, Any]:
    """The message as OTLP spells it in JSON, which has ids in hexadecimal digits."""
    document: dict[str, Any] = MessageToDict(message, use_integers_for_enums=True)
    for resource, encoded in zip(message.resource_spans, document["resourceSpans"], strict=True):
        for scope, encoded_scope in zip(resource.scope_spans, encoded["scopeSpans"], strict=True):
            for span, encoded_span in zip(scope.spans, encoded_scope["spans"], strict=True):
                encoded_span |= {"traceId": span.trace_id.hex(), "spanId": span.span_id.hex()}
                encoded_span["parentSpanId"] = span.parent_span_id.hex()
    return document


def _attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: _value(one["value"]) for one in holder.get("attributes", ())}


def _value(value: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever an attribute may be
    [(kind, content)] = value.items()
    match kind:
        case "intValue":
            return int(content)
        case "arrayValue":
            return [_value(element) for element in content["values"]]
    return content


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0
