"""Exporting spans with OpenTelemetry's SDK, which comes with the extra `tracing`.

The SDK and its exporter read the standard OTEL_* variables themselves: endpoint, headers, sampler, queue, resource.
"""

import threading

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from consumer.telemetry.span_attributes import SCHEMA_URL

SERVICE_NAME = "instagram-feed-consumer"
FLUSH_S = 4.0


class SpanExport:
    """Sends spans over OTLP/HTTP from a thread of its own; while no collector accepts them, the oldest are dropped."""

    def __init__(self) -> None:
        ours = Resource({"service.name": SERVICE_NAME})
        self._provider = TracerProvider(
            resource=Resource.create().merge(ours).merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

    @property
    def tracer(self) -> Tracer:
        """The tracer that starts spans."""
        return self._provider.get_tracer(SERVICE_NAME, schema_url=SCHEMA_URL)

    def close(self) -> None:
        """Flush for at most `FLUSH_S` seconds; blocks."""
        # a daemon: a collector that hangs must not block the shutdown
        flush = threading.Thread(target=self._provider.shutdown, daemon=True)
        flush.start()
        flush.join(FLUSH_S)
