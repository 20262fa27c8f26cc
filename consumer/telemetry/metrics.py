"""All metrics there are: a closed set, in a registry of its own."""

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LAG_INTERVAL_S = 0.5
_LLM_LATENCY_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 40, 60)


class Metrics:
    """The program's figures. Labels are few and bounded: never a tenant, an overlay or a text."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = Counter(
            "feed_records_total",
            "Kafka records taken in, by what they were: claimed, batched, duplicate, ignored, invalid",
            ["kind"],
            registry=self.registry,
        )
        self.forms = Counter(
            "feed_event_forms_total",
            "Valid events, by how they came: plain, cloudevents_binary, kafka_connect, ... (schemas/forms.py)",
            ["form"],
            registry=self.registry,
        )
        self.ignored = Counter(
            "feed_events_ignored_total",
            "Records skipped since they are of another event type, by type; beyond the first 20 types (other)",
            ["event_type"],
            registry=self.registry,
        )
        self.outcomes = Counter(
            "feed_outcomes_total",
            "Handled requests, by outcome: stored, superseded, retry_later, held, rejected",
            ["outcome"],
            registry=self.registry,
        )
        self.outcome_events = Counter(
            "feed_outcome_events_total",
            "Events about what became of posts, by what they were: stored, duplicate, unknown_post, invalid",
            ["kind"],
            registry=self.registry,
        )
        self.experiment_outcomes = Counter(
            "feed_experiment_outcomes_total",
            "Handled requests with a variant, by experiment, variant and outcome; beyond the first 50 variants (other)",
            ["experiment", "variant", "outcome"],
            registry=self.registry,
        )
        self.calls = Counter(
            "feed_llm_calls_total",
            "LLM calls by what became of their answers: stored, or a verdict of llm_calls such as unusable, unanswered",
            ["result"],
            registry=self.registry,
        )
        self.tokens = Counter(
            "feed_llm_tokens_total",
            "Tokens of stored posts, by kind: prompt, completion",
            ["kind"],
            registry=self.registry,
        )
        self.cost_usd = Counter("feed_llm_cost_usd_total", "USD spent for stored posts", registry=self.registry)
        self.quality_warnings = Counter(
            "feed_quality_warnings_total",
            "Warnings of the quality gate about stored posts, by rule",
            ["rule"],
            registry=self.registry,
        )
        self.llm_latency_s = Histogram(
            "feed_llm_latency_seconds",
            "Duration of the LLM call that produced a stored post",
            buckets=_LLM_LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self.published = Counter(
            "feed_events_published_total", "Outbox events acknowledged by the broker", registry=self.registry
        )
        self.too_large = Counter(
            "feed_events_too_large_total",
            "Outbox events that their topic refuses for their size, each counted once; they are tried every 5 minutes",
            registry=self.registry,
        )
        self.lost_records = Counter(
            "feed_records_lost_total",
            "Records that the broker had deleted before they were read",
            registry=self.registry,
        )
        self.partitions = Gauge("feed_partitions_leased", "Partitions that this process reads", registry=self.registry)
        self.lag = Gauge(
            "feed_intake_lag_records", "Records in these partitions that are not read yet", registry=self.registry
        )
        self.reclaimed = Counter(
            "feed_leases_taken_over_total", "Requests whose lease had run out", registry=self.registry
        )
        self.breaker_open = Gauge(
            "feed_llm_breaker_open", "1 while no LLM provider is called, else 0", registry=self.registry
        )
        self.budgets = Gauge(
            "feed_budgets_warned",
            "Budgets of which so many percent are spent in their current period: 80, 100",
            ["percent"],
            registry=self.registry,
        )
        self.in_flight = Gauge("feed_requests_in_flight", "Requests claimed and unfinished", registry=self.registry)
        self.results_waiting = Gauge(
            "feed_results_waiting", "Outcomes in memory that are not in the ledger yet", registry=self.registry
        )
        self.loop_lag_s = Gauge(
            "feed_event_loop_lag_seconds", "How late the last timer of the event loop was", registry=self.registry
        )

    def tell_budgets(self, at_80: int, at_100: int) -> None:
        """Tell how many budgets are spent to 80 percent or more, and how many of them wholly."""
        self.budgets.labels("80").set(at_80)
        self.budgets.labels("100").set(at_100)


async def watch_event_loop(metrics: Metrics) -> None:
    """Measure without end how late the loop's timers are: heartbeats share the loop with the work."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_INTERVAL_S
        await asyncio.sleep(LAG_INTERVAL_S)
        metrics.loop_lag_s.set(loop.time() - due)
