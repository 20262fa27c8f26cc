"""Metrics of PostgreSQL, with OpenTelemetry's names for databases."""

from typing import Final

from prometheus_client import CollectorRegistry

from consumer.telemetry.metrics.lean_histogram import LeanHistogram
from consumer.telemetry.metrics.live_gauge import LiveGauge

POOL: Final = "db_client_connection_pool_name"
SYSTEM: Final = "postgresql"
DURATION_BUCKETS_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30)


class DatabaseMetrics:
    """Metrics of statements and of the pool."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._duration_s = LeanHistogram(
            "db_client_operation_duration_seconds",
            "Duration of the statements that handle events, by operation: claim, store, postpone, reject; "
            "error_type is the class of repository/errors.py",
            ["db_system_name", "db_query_summary", "error_type"],
            buckets=DURATION_BUCKETS_S,
            registry=registry,
        )
        self.connections = LiveGauge(
            # the conventions' earlier name: Prometheus keeps the ending of their present one, _count, for histograms
            "db_client_connections_usage",
            "Connections of this process's pool, by state: idle, used",
            [POOL, "db_client_connection_state"],
            registry=registry,
        )
        self.connections_limit = LiveGauge(
            "db_client_connection_max", "Maximum number of connections: DATABASE_POOL_SIZE", [POOL], registry=registry
        )

    def executed(self, summary: str, duration_s: float, error: BaseException | None = None) -> None:
        """Record the duration of a statement, and its error, if any."""
        kind = "" if error is None else type(error).__name__
        self._duration_s.labels(SYSTEM, summary, kind).observe(duration_s)
