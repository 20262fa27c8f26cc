"""Gauges that are read at each scrape from the current state of the parts, so that none goes stale."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from consumer.app.called_models import CalledModel
from consumer.kafka.poller import Poller
from consumer.llm.failover import Failover
from consumer.pipeline.dispatcher import Dispatcher
from consumer.pipeline.in_flight import InFlight
from consumer.pipeline.ledger_watch import LedgerWatch
from consumer.pipeline.outcome_store import OutcomeStore
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.metrics.live_gauge import Samples
from consumer.telemetry.metrics.llm import LlmMetrics
from consumer.telemetry.readiness import Readiness
from consumer.telemetry.watchdog import Watchdog
from repository.pool import Pool

POOL_NAME = "consumer"
PERIODS = {60.0: "minute", 86_400.0: "day"}


@dataclass(frozen=True, slots=True)
class ExposedParts:
    """The parts whose state is exposed."""

    dispatcher: Dispatcher
    in_flight: InFlight
    outcome_store: OutcomeStore
    poller: Poller
    ledger_watch: LedgerWatch
    failover: Failover
    called_models: Sequence[CalledModel]
    pool: Pool


def expose(metrics: Metrics, parts: ExposedParts) -> None:
    """Read the state of the parts at each scrape."""
    _expose_requests(metrics, parts)
    _expose_models(metrics.llm, parts)
    topic, watch = parts.poller.topic, parts.ledger_watch
    metrics.messaging.partitions.read_value(lambda: len(parts.poller.partitions))
    metrics.messaging.lag.read_from(lambda: [((topic, str(one)), lag) for one, lag in watch.lag.items()])
    pool = parts.pool
    metrics.database.connections.read_from(
        lambda: [
            ((POOL_NAME, "idle"), pool.get_idle_size()),
            ((POOL_NAME, "used"), pool.get_size() - pool.get_idle_size()),
        ]
    )
    metrics.database.connections_limit.read_from(lambda: [((POOL_NAME,), pool.get_max_size())])


def expose_health(metrics: Metrics, readiness: Readiness, watchdog: Watchdog) -> None:
    """Read readiness and the loops' rounds at each scrape."""
    metrics.process.ready.read_value(lambda: readiness.not_ready_because() is None)
    metrics.process.last_round_age_s.read_from(
        lambda: [((loop,), age_s) for loop, age_s in watchdog.round_ages_s().items()]
    )


def _expose_requests(metrics: Metrics, parts: ExposedParts) -> None:
    requests, in_flight = metrics.requests, parts.in_flight
    requests.in_flight.read_value(lambda: parts.dispatcher.handling)
    requests.in_flight_limit.read_value(lambda: in_flight.limit)
    requests.slots_used.read_value(lambda: in_flight.used)
    requests.slots_limit.read_value(lambda: in_flight.slots)
    requests.results_waiting.read_value(lambda: len(parts.outcome_store.unsettled))


def _expose_models(llm: LlmMetrics, parts: ExposedParts) -> None:
    called = parts.called_models
    llm.unavailable.read_value(lambda: parts.failover.unavailable_reason is not None)
    llm.breaker_open.read_from(
        lambda: [(_arm_labels(llm, one), one.provider.unavailable_reason is not None) for one in called]
    )
    llm.breaker_opened.read_from(lambda: [(_arm_labels(llm, one), one.provider.times_opened) for one in called])
    llm.waiting.read_from(lambda: [(labels, one.limiter.waiting) for labels, one in _by_model(llm, called)])
    llm.limit.read_from(lambda: _limits(llm, called, remaining=False))
    llm.limit_remaining.read_from(lambda: _limits(llm, called, remaining=True))
    llm.pace.read_from(
        lambda: [
            (labels, pace) for labels, one in _by_model(llm, called) if (pace := one.limiter.requests_per_s) is not None
        ]
    )
    llm.shutdown_at_s.read_from(
        lambda: [
            (labels, datetime.combine(day, time(), UTC).timestamp())
            for labels, one in _by_model(llm, called)
            if (day := one.model.shutdown_date) is not None
        ]
    )


def _arm_labels(llm: LlmMetrics, called: CalledModel) -> tuple[str, ...]:
    return (*llm.labels_of(called.model), called.experiment, called.variant)


def _by_model(llm: LlmMetrics, called: Iterable[CalledModel]) -> list[tuple[tuple[str, ...], CalledModel]]:
    """Return each model once: its variants share the rate limiter."""
    return list({llm.labels_of(one.model): one for one in reversed(list(called))}.items())


def _limits(llm: LlmMetrics, called: Iterable[CalledModel], *, remaining: bool) -> Samples:
    return [
        ((*labels, known.unit, PERIODS.get(known.period_s, "other")), known.remaining if remaining else known.limit)
        for labels, one in _by_model(llm, called)
        for known in one.limiter.known_limits
    ]
