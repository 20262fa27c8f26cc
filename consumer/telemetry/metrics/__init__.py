"""All metrics there are: a closed set, in a registry of its own; `docs/metrics.md` is written from it.

Names and units are those of OpenTelemetry's semantic conventions in Prometheus' spelling where these have one
(`messaging_…`, `gen_ai_…`, `db_…`); all others begin with `instagram_feed_`. Labels are few and bounded: never an
overlay or a text, and tenants only where a setting says how many.
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
    """A registry that says what is in it, for the docs."""

    def __init__(self) -> None:
        self.registered: list[Collector] = []
        super().__init__()

    def register(self, collector: Collector) -> None:
        """Add one."""
        self.registered.append(collector)
        super().register(collector)


class Metrics:
    """The program's figures, by what they are about."""

    def __init__(self, *, group_id: str = "", tenants: int = 0) -> None:
        # one series of time stamps for each counter and histogram: half as much again, and nobody asks for them
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
