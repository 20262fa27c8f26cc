"""Metrics of the requests in this process."""

from decimal import Decimal
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from consumer.telemetry.metrics.bounded import Bounded
from consumer.telemetry.metrics.lean_histogram import LeanHistogram
from consumer.telemetry.metrics.live_gauge import LiveGauge
from schemas.quality import QUALITY_RULES
from schemas.reasons import Reason

MOST_ARMS: Final = 50
CREATED_BUCKETS_S: Final = (0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1_800, 3_600, 14_400, 86_400)
BATCH_BUCKETS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class RequestMetrics:
    """Metrics of requests, from the claim to the end."""

    def __init__(self, registry: CollectorRegistry, *, tenants: int = 0) -> None:
        self.in_flight = LiveGauge(
            "instagram_feed_requests_in_flight", "Requests for which a post is being written now", registry=registry
        )
        self.in_flight_limit = LiveGauge(
            "instagram_feed_requests_in_flight_limit", "Maximum number of them: MAX_IN_FLIGHT", registry=registry
        )
        self.slots_used = LiveGauge(
            "instagram_feed_slots_used",
            "Slots in use: requests being written, claimed ahead, or not stored yet",
            registry=registry,
        )
        self.slots_limit = LiveGauge("instagram_feed_slots_limit", "Number of slots", registry=registry)
        self.results_waiting = LiveGauge(
            "instagram_feed_results_waiting", "Outcomes in memory that are not in the ledger yet", registry=registry
        )
        handled = Counter(
            "instagram_feed_requests_handled_total",
            "Handlings that ended, by outcome (stored, superseded, retry_later, held, rejected) and reason "
            "(schemas/reasons.py; empty if there is a post)",
            ["outcome", "reason"],
            registry=registry,
        )
        # all combinations from the start, so that the first of a kind is an increase
        self._handled = {
            (outcome, reason): handled.labels(outcome, reason)
            for outcome in ("retry_later", "rejected")
            for reason in Reason
        } | {(outcome, ""): handled.labels(outcome, "") for outcome in ("stored", "superseded")}
        self._handled["held", Reason.BUDGET_SPENT] = handled.labels("held", Reason.BUDGET_SPENT)
        self.of_variants = Counter(
            "instagram_feed_experiment_requests_total",
            "Handled requests with a variant, by experiment, variant and outcome; beyond the first 50 variants (other)",
            ["experiment", "variant", "outcome"],
            registry=registry,
        )
        # looking up a counter by its labels costs more than counting
        self._of_variants: dict[tuple[str, str, str], Counter] = {}
        self.arm_labels = Bounded(MOST_ARMS)
        self.to_created_s = LeanHistogram(
            "instagram_feed_event_to_created_seconds",
            "Time from the event (else its record) until its post was stored",
            buckets=CREATED_BUCKETS_S,
            registry=registry,
        ).labels()
        self.quality_warnings = Counter(
            "instagram_feed_quality_warnings_total",
            "Warnings of the quality gate about stored posts, by rule",
            ["rule"],
            registry=registry,
        )
        self.quality_refusals = Counter(
            "instagram_feed_quality_refusals_total",
            "Answers that the quality gate refused, by rule; one that breaks several counts for each. Answers that "
            "break only Instagram's limits do not count, nor do kept answers that are judged again",
            ["rule"],
            registry=registry,
        )
        for rule in QUALITY_RULES:
            self.quality_refusals.labels(rule)
        self.batch_size = LeanHistogram(
            "instagram_feed_store_batch_size",
            "Outcomes written by one statement, by kind: store, postpone, reject",
            ["kind"],
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self.reclaimed = Counter(
            "instagram_feed_requests_reclaimed_total",
            "Requests taken over after the lease of another process expired",
            registry=registry,
        )
        self._tenants = Bounded(tenants) if tenants else None
        self._tenant_posts = Counter(
            "instagram_feed_tenant_posts_total",
            "Posts stored, by tenant, up to METRICS_TENANTS",
            ["tenant_id"],
            registry=registry,
        )
        self._tenant_cost_usd = Counter(
            "instagram_feed_tenant_cost_usd_total",
            "USD spent on stored posts, by tenant, up to METRICS_TENANTS",
            ["tenant_id"],
            registry=registry,
        )

    def handled(self, outcome: str, reason: str = "") -> None:
        """Count the end of one handling."""
        self._handled[outcome, reason].inc()

    def handled_variant(self, experiment: str, variant: str, outcome: str) -> None:
        """Count the end of one handling for a variant."""
        counter = self._of_variants.get((experiment, variant, outcome))
        if counter is None:
            counter = self.of_variants.labels(*self.arm_labels(experiment, variant), outcome)
            self._of_variants[experiment, variant, outcome] = counter
        counter.inc()

    def stored_for(self, tenant_id: str, cost_usd: Decimal | None) -> None:
        """Count a post for its tenant, if enabled."""
        if self._tenants is not None:
            labels = self._tenants(tenant_id)
            self._tenant_posts.labels(*labels).inc()
            self._tenant_cost_usd.labels(*labels).inc(float(cost_usd or 0))
