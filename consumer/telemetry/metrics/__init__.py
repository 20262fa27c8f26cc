"""All metrics: a closed set, in a registry of its own, from which `docs/metrics.md` is generated.

Names and units follow OpenTelemetry's semantic conventions in Prometheus' spelling (`messaging_…`, `gen_ai_…`,
`db_…`); all others begin with `instagram_feed_`. Labels are few and bounded: never an overlay or a text, and tenants
only up to a configured number.
"""

from collections.abc import Sequence

from prometheus_client import GC_COLLECTOR, CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.registry import Collector

from consumer.telemetry.metrics.database import DatabaseMetrics
from consumer.telemetry.metrics.ledger import LedgerMetrics
from consumer.telemetry.metrics.llm import LlmMetrics
from consumer.telemetry.metrics.messaging import MessagingMetrics
from consumer.telemetry.metrics.process import ProcessMetrics
from consumer.telemetry.metrics.requests import RequestMetrics

__all__ = ["Metrics"]


class _Registry(CollectorRegistry):
    """A registry that lists its metrics, for the docs."""

    def __init__(self) -> None:
        self.registered: list[Collector] = []
        super().__init__()

    def register(self, collector: Collector) -> None:
        """Register a collector."""
        self.registered.append(collector)
        super().register(collector)


class Metrics:
    """The program's metrics, by subject."""

    def __init__(self, *, group_id: str = "", tenants: int = 0) -> None:
        # a series of timestamps per counter and histogram would add half as much again, and nobody uses them
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = _Registry()
        self.messaging = MessagingMetrics(self.registry, group_id)
        self.requests = RequestMetrics(self.registry, tenants=tenants)
        self.llm = LlmMetrics(self.registry)
        self.ledger = LedgerMetrics(self.registry)
        self.database = DatabaseMetrics(self.registry)
        self.process = ProcessMetrics(self.registry)
        self.own: Sequence[Collector] = tuple(self.registry.registered)
        ProcessCollector(registry=self.registry)
        self.registry.register(GC_COLLECTOR)
