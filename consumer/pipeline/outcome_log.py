"""What is told about each event: one log line at its end, and the metrics."""

from decimal import Decimal

import structlog

from consumer.pipeline.outcomes import Held, Outcome, Rejected, RetryLater, Written
from consumer.pipeline.traces import Traces
from consumer.telemetry.metrics import Metrics
from repository.feeds import Feed
from schemas.call_verdict import CallVerdict
from schemas.instagram_feed_created import ExperimentArm

log = structlog.get_logger()

OTHER_ARMS = ("(other)", "(other)")
MOST_ARMS = 50
"""So many variants have a figure of their own: each is a time series for good."""
_TRACE_ID = slice(3, 35)  # in a traceparent, behind its version


class OutcomeLog:
    """Tells of the end of each handling, traces included. Texts of the event and the post stay out."""

    def __init__(self, metrics: Metrics, traces: Traces) -> None:
        self._metrics = metrics
        self._traces = traces
        self._arms: set[tuple[str, str]] = set()

    def written(self, outcome: Written, feed: Feed, *, stored: bool) -> None:
        """Log that a post is stored, or (`stored` false) that another process had ended the request before."""
        metrics = self._metrics
        self._count_unused(outcome)
        ids = _ids(outcome, trace_id=_trace_id(feed))
        self._traces.ended(outcome, "stored" if stored else "superseded")
        if not stored:
            metrics.calls.labels(CallVerdict.SUPERSEDED).inc()
            self._count(outcome, "superseded")
            log.info("feed.superseded", **ids)
            return
        self._count(outcome, "stored")
        if outcome.answer.kept is None:
            metrics.calls.labels("stored").inc()
        metrics.tokens.labels("prompt").inc(feed.spent.prompt_tokens or 0)
        metrics.tokens.labels("completion").inc(feed.spent.completion_tokens or 0)
        metrics.cost_usd.inc(float(feed.spent.cost_usd or 0))
        for warning in outcome.edited.warnings:
            metrics.quality_warnings.labels(warning.rule).inc()
        if feed.latency_ms is not None:
            metrics.llm_latency_s.observe(feed.latency_ms / 1_000)
        log.info(
            "feed.stored",
            **ids,
            instagram_feed_id=str(feed.instagram_feed_id),
            latency_ms=feed.latency_ms and round(feed.latency_ms, 1),
            total_tokens=feed.total_tokens,
            cost_usd=_usd(feed.spent.cost_usd),
            llm_calls=feed.llm_calls,
        )

    def postponed(self, outcome: RetryLater) -> None:
        """Log that a request will be tried again."""
        self._count(outcome, "retry_later")
        self._count_unused(outcome)
        log.info(
            "feed.retry_later",
            **_ids(outcome, trace_id=self._traces.trace_id(outcome.request)),
            reason=outcome.reason,
            detail=outcome.detail,
            delay_s=round(outcome.delay_s, 2),
            attempts=outcome.attempts,
        )
        self._traces.ended(outcome, "retry_later")

    def held(self, outcome: Held) -> None:
        """Log that a request waits for a budget."""
        self._count(outcome, "held")
        self._count_unused(outcome)
        log.info(
            "feed.held",
            **_ids(outcome, trace_id=self._traces.trace_id(outcome.request)),
            reason=outcome.reason,
            detail=outcome.detail,
            until=outcome.until.isoformat(),
        )
        self._traces.ended(outcome, "held")

    def rejected(self, outcome: Rejected) -> None:
        """Log that a request ended without a post."""
        self._count(outcome, "rejected")
        self._count_unused(outcome)
        log.warning(
            "feed.rejected",
            **_ids(outcome, trace_id=self._traces.trace_id(outcome.request)),
            reason=outcome.reason,
            attempts=outcome.attempts,
            llm_calls=outcome.usage.llm_calls,
            total_tokens=outcome.usage.spent.total_tokens,
            cost_usd=_usd(outcome.usage.spent.cost_usd),
        )
        self._traces.ended(outcome, "rejected")

    def _count(self, outcome: Outcome, how: str) -> None:
        self._metrics.outcomes.labels(how).inc()
        if arm := outcome.request.arm:
            self._metrics.experiment_outcomes.labels(*self._labels_of(arm), how).inc()

    def _labels_of(self, arm: ExperimentArm) -> tuple[str, str]:
        labels = (arm.name, arm.variant)
        if labels in self._arms:
            return labels
        if len(self._arms) < MOST_ARMS:
            self._arms.add(labels)
            return labels
        return OTHER_ARMS

    def _count_unused(self, outcome: Outcome) -> None:
        for call in outcome.usage.unused:
            self._metrics.calls.labels(call.verdict).inc()


def _trace_id(feed: Feed) -> str:
    """Return the id of the trace that the created event goes on with: it always has one."""
    traceparent = next(value for name, value in feed.created_event.record.headers if name == "traceparent")
    return (traceparent or b"")[_TRACE_ID].decode()


def _usd(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _ids(outcome: Outcome, *, trace_id: str | None) -> dict[str, str | int]:
    request = outcome.request
    trace = {"trace_id": trace_id} if trace_id else {}
    arm = {"experiment": request.arm.name, "variant": request.arm.variant} if request.arm else {}
    return {
        "overlay_id": str(request.overlay_id),
        "revision": request.revision,
        "tenant_id": request.tenant_id,
        "event_id": request.event_id,
        "topic": request.source.topic,
        "partition": request.source.partition,
        "offset": request.source.offset,
        **arm,
        **trace,
    }
