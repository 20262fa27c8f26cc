"""From outcomes to rows and events: a post with its created event, a failure with its failed event and dead letter."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

from consumer.pipeline.outcomes import Call, Rejected, Written
from consumer.pipeline.tracing.traces import Traces
from consumer.post.instagram_rules import as_published, hashtag_count, utf16_length
from consumer.post.prompt import instruction_of
from consumer.post.quality.gate import quality_json
from repository.feeds import Failure, Feed
from repository.outbox import NewOutboxEvent
from repository.requests import ClaimedRequest
from schemas.cloudevents import TraceContext, outgoing_headers
from schemas.dead_letter import dead_letter
from schemas.event_source import EventSource
from schemas.ids import created_event_id, failed_event_id
from schemas.instagram_feed_created import FeedMetrics, InstagramFeedCreated, LlmUsed, Publishing
from schemas.instagram_feed_failed import InstagramFeedFailed
from schemas.post import InstagramPost
from schemas.record import OutgoingRecord

CE_SOURCE = "/instagram-feed-consumer"


class FeedEventBuilder:
    """Builds rows and events."""

    def __init__(
        self,
        *,
        created_topic: str,
        failed_topic: str,
        dead_letter_topic: str,
        traces: Traces,
    ) -> None:
        self._created_topic = created_topic
        self._failed_topic = failed_topic
        self._dead_letter_topic = dead_letter_topic
        self._traces = traces

    def feed(self, outcome: Written) -> Feed:
        """Build the row of `instagram_feeds` and its created event."""
        request, event, completion = outcome.request, outcome.event, outcome.answer.completion
        call, kept = outcome.answer.call, outcome.answer.kept
        now = datetime.now(UTC)
        return Feed(
            instagram_feed_id=outcome.instagram_feed_id,
            overlay_id=request.overlay_id,
            revision=request.revision,
            job_id=event.job_id,
            llm_model_id=call.model.llm_model_id,
            tenant_id=event.tenant_id,
            refined_ad_copy_eng=event.refined_ad_copy_eng,
            tone_style=event.tone_style,
            product_description=event.product_description,
            store_information=event.store_information,
            gpt_prompt=instruction_of(event),
            instagram_ad_copy=outcome.edited.post.instagram_ad_copy,
            hashtags=outcome.edited.post.hashtags,
            used_temperature=call.temperature,
            used_max_tokens=call.max_tokens,
            gpt_prompt_used=call.prompt,
            gpt_response_raw=completion.raw,
            latency_ms=completion.latency_ms,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            total_tokens=completion.total_tokens,
            token_usage=completion.usage,
            created_at=now,
            prompt_version=call.prompt_version,
            llm_calls=outcome.usage.llm_calls,
            source_event_id=request.event_id,
            quality=quality_json(outcome.edited.warnings),
            experiment_id=request.arm.experiment_id if request.arm else None,
            variant=request.arm.variant if request.arm else None,
            delivery=call.delivery,
            spent=outcome.usage.spent,
            created_event=self._created(outcome, now),
            unused_calls=outcome.usage.unused,
            kept_fencing_token=kept.fencing_token if kept else None,
            kept_call_number=kept.call_number if kept else None,
        )

    def _created(self, outcome: Written, now: datetime) -> NewOutboxEvent:
        request, event = outcome.request, outcome.event
        event_id = created_event_id(outcome.instagram_feed_id)
        created = InstagramFeedCreated(
            event_id=event_id,
            occurred_at=now,
            instagram_feed_id=outcome.instagram_feed_id,
            tenant_id=event.tenant_id,
            job_id=event.job_id,
            overlay_id=request.overlay_id,
            revision=request.revision,
            instagram_ad_copy=outcome.edited.post.instagram_ad_copy,
            hashtags=outcome.edited.post.hashtags,
            publishing=publishing_of(outcome.edited.post),
            llm=_llm_used(outcome.answer.call),
            metrics=_metrics(outcome, now),
            experiment=request.arm,
            source=_source(request),
        )
        trace = self._traces.of_event(request, self._created_topic)
        return announce(created, topic=self._created_topic, trace=trace)

    def failure(self, outcome: Rejected) -> Failure:
        """Build the end of a request without a post, with the failed event and the dead letter."""
        request, now = outcome.request, datetime.now(UTC)
        event_id = failed_event_id(request.overlay_id, request.revision, request.fencing_token)
        letter = dead_letter(
            request.source,
            topic=self._dead_letter_topic,
            reason=outcome.reason,
            detail=outcome.detail,
            stage="worker",
            attempts=outcome.attempts,
            failed_at=now,
        )
        return Failure(
            overlay_id=request.overlay_id,
            revision=request.revision,
            fencing_token=request.fencing_token,
            attempts=outcome.attempts,
            llm_calls=outcome.usage.llm_calls,
            spent=outcome.usage.spent,
            reason=outcome.reason,
            detail=outcome.detail,
            unused_calls=outcome.usage.unused,
            events=(
                self._failed(outcome, event_id, now),
                NewOutboxEvent(uuid5(event_id, "dead letter"), letter),
            ),
        )

    def _failed(self, outcome: Rejected, event_id: UUID, now: datetime) -> NewOutboxEvent:
        request, spent = outcome.request, outcome.usage.spent
        failed = InstagramFeedFailed(
            event_id=event_id,
            occurred_at=now,
            tenant_id=request.tenant_id,
            job_id=request.job_id,
            overlay_id=request.overlay_id,
            revision=request.revision,
            reason=outcome.reason,
            detail=outcome.detail,
            attempts=outcome.attempts,
            prompt_tokens=spent.prompt_tokens,
            completion_tokens=spent.completion_tokens,
            total_tokens=spent.total_tokens,
            cost_usd=spent.cost_usd,
            llm_calls=outcome.usage.llm_calls,
            source=_source(request),
        )
        trace = self._traces.of_event(request, self._failed_topic)
        return announce(failed, topic=self._failed_topic, trace=trace)


def _llm_used(call: Call) -> LlmUsed:
    model = call.model
    return LlmUsed(
        llm_model_id=model.llm_model_id,
        provider=model.provider,
        model_name=model.model_name,
        model_version=model.model_version,
        used_temperature=call.temperature,
        used_max_tokens=call.max_tokens,
        prompt_version=call.prompt_version,
    )


def _metrics(outcome: Written, now: datetime) -> FeedMetrics:
    completion, usage = outcome.answer.completion, outcome.usage
    return FeedMetrics(
        latency_ms=completion.latency_ms,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        total_tokens=completion.total_tokens,
        cached_prompt_tokens=completion.cached_prompt_tokens,
        cost_usd=usage.spent.cost_usd,
        llm_calls=usage.llm_calls,
        end_to_end_ms=end_to_end_ms(outcome, now),
        delivery=outcome.answer.call.delivery,
    )


def end_to_end_ms(outcome: Written, now: datetime) -> float | None:
    """Return the milliseconds since the event, else since its record; None if neither has a time."""
    if outcome.event.occurred_at:
        began_ms = outcome.event.occurred_at.timestamp() * 1_000
    elif (timestamp_ms := outcome.request.source.timestamp_ms) > 0:
        began_ms = float(timestamp_ms)
    else:
        return None
    return max(0.0, now.timestamp() * 1_000 - began_ms)


def publishing_of(post: InstagramPost) -> Publishing:
    """Return the text to publish, as it was counted."""
    caption = as_published(post)
    return Publishing(caption=caption, hashtag_count=hashtag_count(post), utf16_length=utf16_length(caption))


def _source(request: ClaimedRequest) -> EventSource:
    source = request.source
    return EventSource(event_id=request.event_id, topic=source.topic, partition=source.partition, offset=source.offset)


def announce(event: InstagramFeedCreated | InstagramFeedFailed, *, topic: str, trace: TraceContext) -> NewOutboxEvent:
    """Build the record of an event, which belongs to this trace."""
    subject = str(event.overlay_id)
    headers = outgoing_headers(
        event_id=str(event.event_id),
        event_type=event.event_type,
        source=CE_SOURCE,
        subject=subject,
        occurred_at=event.occurred_at,
        trace=trace,
    )
    return NewOutboxEvent(event.event_id, OutgoingRecord(topic, subject.encode(), event.encode(), headers))
