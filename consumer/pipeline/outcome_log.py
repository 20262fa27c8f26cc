"""One log line at the end of each handling, and its metrics."""

from collections.abc import Iterable
from decimal import Decimal

import structlog

from consumer.pipeline.feed_events import end_to_end_ms
from consumer.pipeline.outcomes import Held, Outcome, Rejected, RetryLater, Written
from consumer.pipeline.tracing.traces import Traces
from consumer.telemetry.metrics import Metrics
from repository.feeds import Feed
from repository.llm_models import LlmModel
from repository.spending import Spending
from schemas.call_verdict import CallVerdict
from schemas.quality import QualityRule

log = structlog.get_logger()

_TRACE_ID = slice(3, 35)  # in a traceparent, after its version


class OutcomeLog:
    """Logs, counts and traces the end of each handling. Texts of the event and the post stay out."""

    def __init__(self, metrics: Metrics, traces: Traces) -> None:
        self._metrics = metrics
        self._traces = traces

    def written(self, outcome: Written, feed: Feed, *, stored: bool) -> None:
        """Log that a post is stored, or (`stored` false) that another process had finished the request before."""
        metrics = self._metrics
        self._count_unused(outcome)
        ids = _ids(outcome, trace_id=_trace_id(feed))
        self._traces.ended(outcome, "stored" if stored else "superseded")
        if not stored:
            metrics.llm.ended(CallVerdict.SUPERSEDED)
            self._count(outcome, "superseded")
            log.info("feed.superseded", **ids)
            return
        self._count(outcome, "stored")
        if outcome.answer.kept is None:
            metrics.llm.ended("stored")
        metrics.requests.stored_for(feed.tenant_id, feed.spent.cost_usd)
        for warning in outcome.edited.warnings:
            metrics.requests.quality_warnings.labels(warning.rule).inc()
        if (age_ms := end_to_end_ms(outcome, feed.created_at)) is not None:
            metrics.requests.to_created_s.observe(age_ms / 1_000)
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
        self._count(outcome, "retry_later", outcome.reason)
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
        self._count(outcome, "held", outcome.reason)
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
        self._count(outcome, "rejected", outcome.reason)
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

    def statement(self, kind: str, outcomes: int, duration_s: float, error: BaseException | None) -> None:
        """Count a statement that wrote, or failed to write, this many outcomes of a kind."""
        self._metrics.database.executed(kind, duration_s, error)
        self._metrics.requests.batch_size.labels(kind).observe(outcomes)

    def batched(self, model: LlmModel, lines: Iterable[Spending], cost_usd: Decimal) -> None:
        """Count tokens and cost of batch lines, which are not seen as calls."""
        self._metrics.llm.batched(model, lines, float(cost_usd))

    def _count(self, outcome: Outcome, how: str, reason: str = "") -> None:
        self._metrics.requests.handled(how, reason)
        if arm := outcome.request.arm:
            self._metrics.requests.handled_variant(arm.name, arm.variant, how)

    def refused_by(self, rules: Iterable[QualityRule]) -> None:
        """Count the quality rules that refused an answer."""
        for rule in rules:
            self._metrics.requests.quality_refusals.labels(rule).inc()

    def _count_unused(self, outcome: Outcome) -> None:
        for call in outcome.usage.unused:
            self._metrics.llm.ended(call.verdict)
        self.refused_by(outcome.usage.refused_by)


def _trace_id(feed: Feed) -> str:
    """Return the trace id of the created event, which always has one."""
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
