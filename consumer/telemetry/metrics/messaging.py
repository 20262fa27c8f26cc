"""Metrics of Kafka, with OpenTelemetry's names for messaging where they exist."""

from collections import Counter as Count
from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from consumer.telemetry.metrics.lean_histogram import LeanHistogram
from consumer.telemetry.metrics.live_gauge import LiveGauge
from schemas.forms import Form
from schemas.reasons import Reason

SYSTEM: Final = "kafka"
DESTINATION: Final = "messaging_destination_name"
PARTITION: Final = "messaging_destination_partition_id"
GROUP: Final = "messaging_consumer_group_name"
_OPERATION: Final = ("messaging_system", "messaging_operation_name")
# a post takes seconds, or minutes if it has to wait
PROCESS_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
SEND_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
TAKEN_IN: Final = ("claimed", "batched", "duplicate", "invalid", "ignored")


class Processing:
    """Times the handling of events from one topic."""

    def __init__(self, duration_s: LeanHistogram, topic: str, group_id: str) -> None:
        self._of = {error: duration_s.labels(SYSTEM, "process", topic, group_id, error) for error in ("", *Reason)}

    def ended(self, duration_s: float, error: str = "") -> None:
        """Record the end of a handling: with a post, or with the reason code."""
        self._of[error].observe(duration_s)


class MessagingMetrics:
    """Metrics of topics, partitions and events."""

    def __init__(self, registry: CollectorRegistry, group_id: str) -> None:
        self._group_id = group_id
        self._consumed = Counter(
            "messaging_client_consumed_messages_total",
            "Records that were read",
            [*_OPERATION, DESTINATION, GROUP],
            registry=registry,
        )
        self._sent = Counter(
            "messaging_client_sent_messages_total",
            "Records that were sent, acknowledged by the broker (error_type empty) or not",
            [*_OPERATION, DESTINATION, "error_type"],
            registry=registry,
        )
        self._sent_children: dict[tuple[str, str], Counter] = {}
        self._send_duration_s = LeanHistogram(
            "messaging_client_operation_duration_seconds",
            "Duration of sending a batch of records, until all are acknowledged or given up",
            list(_OPERATION),
            buckets=SEND_BUCKETS_S,
            registry=registry,
        ).labels(SYSTEM, "send")
        self._process_duration_s = LeanHistogram(
            "messaging_process_duration_seconds",
            "Duration of handling one event: rate limit waits and all calls, without the wait for a slot; "
            "error_type is a code of schemas/reasons.py, empty if there is a post",
            [*_OPERATION, DESTINATION, GROUP, "error_type"],
            buckets=PROCESS_BUCKETS_S,
            registry=registry,
        )
        self.lag = LiveGauge(
            "instagram_feed_consumer_lag_records",
            "Records of a partition that the group has not taken in: counted by one process for all partitions, "
            "whether they are read or not",
            [DESTINATION, PARTITION],
            registry=registry,
        )
        self.partitions = LiveGauge(
            "instagram_feed_partitions_leased", "Partitions that this process reads", registry=registry
        )
        taken_in = Counter(
            "instagram_feed_events_total",
            "Records taken in, by kind: claimed, batched (wait for a batch), duplicate, invalid, ignored",
            ["result"],
            registry=registry,
        )
        self._taken_in = [taken_in.labels(result) for result in TAKEN_IN]
        forms = Counter(
            "instagram_feed_event_forms_total",
            "Valid events, by form: plain, cloudevents_binary, kafka_connect, ... (schemas/forms.py)",
            ["form"],
            registry=registry,
        )
        self._forms = {form: forms.labels(form) for form in Form}
        self.ignored = Counter(
            "instagram_feed_events_ignored_total",
            "Records skipped because of their event type, by type; beyond the first 20 types (other)",
            ["event_type"],
            registry=registry,
        )
        self.invalid = Counter(
            "instagram_feed_events_invalid_total",
            "Records that became dead letters on arrival, by reason (schemas/reasons.py)",
            ["reason"],
            registry=registry,
        )
        self.lost = Counter(
            "instagram_feed_records_lost_total",
            "Records that the broker had deleted before they were read",
            registry=registry,
        )
        self.too_large = Counter(
            "instagram_feed_events_too_large_total",
            "Outbox events that are too large for their topic, each counted once; they are retried every 5 minutes",
            registry=registry,
        )
        self.outcome_events = Counter(
            "instagram_feed_outcome_events_total",
            "Outcome events, by kind: stored, duplicate, unknown_post, invalid",
            ["result"],
            registry=registry,
        )
        self.invalid.labels(Reason.INVALID_EVENT)

    def consuming(self, topic: str) -> Counter:
        """Return the counter of records read from a topic."""
        return self._consumed.labels(SYSTEM, "poll", topic, self._group_id)

    def processing(self, topic: str) -> Processing:
        """Return the timer of handling events from a topic."""
        return Processing(self._process_duration_s, topic, self._group_id)

    def sending(self, *topics: str) -> None:
        """Initialise the counts of these topics to 0, so that the first record or error is an increase."""
        for topic in topics:
            for error in ("", "PublishFailed"):
                self._sent_of(topic, error)

    def sent(self, results: Iterable[tuple[str, str]], duration_s: float) -> None:
        """Count the results of a batch: the topic of each record, and its error, if any."""
        self._send_duration_s.observe(duration_s)
        for (topic, error), count in Count(results).items():
            self._sent_of(topic, error).inc(count)

    def taken_in(self, *, claimed: int, duplicate: int, invalid: int, ignored: int, batched: int = 0) -> None:
        """Count the records of a poll by kind."""
        counts = (claimed, batched, duplicate, invalid, ignored)
        for counter, count in zip(self._taken_in, counts, strict=True):
            if count:
                counter.inc(count)

    def came_as(self, forms: Mapping[Form, int]) -> None:
        """Count valid events by form."""
        for form, count in forms.items():
            self._forms[form].inc(count)

    def _sent_of(self, topic: str, error: str) -> Counter:
        child = self._sent_children.get((topic, error))
        if child is None:
            child = self._sent_children[topic, error] = self._sent.labels(SYSTEM, "send", topic, error)
        return child
