"""What is told about each event: one log line at its end, and the metrics."""

import structlog

from consumer.pipeline.outcomes import Outcome, Rejected, RetryLater, Written
from consumer.telemetry.metrics import Metrics
from repository.feeds import Feed

log = structlog.get_logger()


class OutcomeLog:
    """Tells of the end of each handling. Texts of the event and the post stay out."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def written(self, outcome: Written, feed: Feed, *, stored: bool) -> None:
        """A post is stored, or (`stored` false) another process had ended the request before."""
        metrics = self._metrics
        if not stored:
            metrics.outcomes.labels("superseded").inc()
            log.info("feed.superseded", **_ids(outcome))
            return
        metrics.outcomes.labels("stored").inc()
        metrics.tokens.labels("prompt").inc(feed.spent.prompt_tokens)
        metrics.tokens.labels("completion").inc(feed.spent.completion_tokens)
        metrics.cost_usd.inc(float(feed.spent.cost_usd))
        if feed.latency_ms is not None:
            metrics.llm_latency_s.observe(feed.latency_ms / 1_000)
        log.info(
            "feed.stored",
            **_ids(outcome),
            instagram_feed_id=str(feed.instagram_feed_id),
            latency_ms=feed.latency_ms and round(feed.latency_ms, 1),
            total_tokens=feed.total_tokens,
            cost_usd=f"{feed.spent.cost_usd:f}",
            llm_calls=feed.llm_calls,
        )

    def postponed(self, outcome: RetryLater) -> None:
        """A request will be tried again."""
        self._metrics.outcomes.labels("retry_later").inc()
        log.info(
            "feed.retry_later",
            **_ids(outcome),
            reason=outcome.reason,
            detail=outcome.detail,
            delay_s=round(outcome.delay_s, 2),
            attempts=outcome.attempts,
        )

    def rejected(self, outcome: Rejected) -> None:
        """A request ended without a post."""
        self._metrics.outcomes.labels("rejected").inc()
        log.warning(
            "feed.rejected",
            **_ids(outcome),
            reason=outcome.reason,
            attempts=outcome.attempts,
            llm_calls=outcome.usage.llm_calls,
            total_tokens=outcome.usage.spent.total_tokens,
            cost_usd=f"{outcome.usage.spent.cost_usd:f}",
        )


def _ids(outcome: Outcome) -> dict[str, str | int]:
    request = outcome.request
    return {
        "overlay_id": str(request.overlay_id),
        "revision": request.revision,
        "tenant_id": request.tenant_id,
        "event_id": request.event_id,
        "topic": request.source.topic,
        "partition": request.source.partition,
        "offset": request.source.offset,
    }
