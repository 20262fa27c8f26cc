"""Metrics of the whole ledger, counted by one process of the group; the others export no samples of these."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from consumer.telemetry.metrics.live_gauge import LiveGauge, Samples
from schemas.request_state import RequestState

STALE_AFTER_S: Final = 60.0
UNFINISHED: Final = tuple(state for state in RequestState if not state.has_ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFigures:
    """One measurement: requests by state and last reason, ages in seconds by state."""

    requests: Mapping[tuple[str, str], int] = field(default_factory=dict)
    oldest_age_s: Mapping[str, float] = field(default_factory=dict)
    outbox_events: int = 0
    outbox_age_s: float | None = None


class LedgerMetrics:
    """Metrics of unfinished requests and of the outbox."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._figures: LedgerFigures | None = None
        self._looked_at_s = 0.0
        self._budgets = Gauge(
            "instagram_feed_budgets_spent",
            "Budgets of which at least this percentage is spent in the current period: 80, 100",
            ["percent"],
            registry=registry,
        )
        self._gauge(
            registry,
            "instagram_feed_requests",
            "Unfinished requests of the group in the ledger, by state (claimed, waiting, held, batched) and by the "
            "reason of the last failed handling (empty: none)",
            ["state", "reason"],
            lambda figures: ((labels, count) for labels, count in figures.requests.items()),
        )
        self._gauge(
            registry,
            "instagram_feed_requests_oldest_age_seconds",
            "Age of the oldest of them, by state; 0 if there are none",
            ["state"],
            lambda figures: (((state,), self._grown(figures.oldest_age_s.get(state))) for state in UNFINISHED),
        )
        self._gauge(
            registry,
            "instagram_feed_outbox_events",
            "Unpublished events in the outbox, of all groups",
            [],
            lambda figures: [((), figures.outbox_events)],
        )
        self._gauge(
            registry,
            "instagram_feed_outbox_oldest_age_seconds",
            "Age of the oldest of them; 0 if there are none",
            [],
            lambda figures: [((), self._grown(figures.outbox_age_s))],
        )
        self._gauge(
            registry,
            "instagram_feed_ledger_figures_age_seconds",
            "Time since this process last counted the ledger; only the counting process has it",
            [],
            lambda _: [((), self._clock() - self._looked_at_s)],
        )

    def show(self, figures: LedgerFigures) -> None:
        """Expose these figures until the next measurement, for at most a minute."""
        self._figures, self._looked_at_s = figures, self._clock()

    def tell_budgets(self, at_80: int, at_100: int) -> None:
        """Set how many budgets are spent to 80 percent or more, and how many of them fully."""
        self._budgets.labels("80").set(at_80)
        self._budgets.labels("100").set(at_100)

    def clear(self) -> None:
        """Expose no figures: another process counts."""
        self._figures = None

    @property
    def figures(self) -> LedgerFigures | None:
        """The exposed figures; None if this process does not count, or has failed to for a minute."""
        return None if self._clock() - self._looked_at_s > STALE_AFTER_S else self._figures

    def _grown(self, age_s: float | None) -> float:
        return 0.0 if age_s is None else age_s + self._clock() - self._looked_at_s

    def _gauge(
        self,
        registry: CollectorRegistry,
        name: str,
        documentation: str,
        labelnames: list[str],
        samples: Callable[[LedgerFigures], Samples],
    ) -> None:
        def present() -> Iterable[tuple[tuple[str, ...], float]]:
            figures = self.figures
            return [] if figures is None else [(tuple(labels), value) for labels, value in samples(figures)]

        LiveGauge(name, documentation, labelnames, registry=registry).read_from(present)
