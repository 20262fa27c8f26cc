"""Publishing a stored post as a new revision of its overlay, without an LLM call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic_core import from_json

from consumer.llm.usage import Tokens, tokens_of
from consumer.operations.revisions.revision_source import UNKNOWN, CannotRevise, event_id_of, overlay_of, source_of
from consumer.pipeline.feed_events import announce, publishing_of
from consumer.pipeline.tracing.traces import trace_after
from repository.operations.feed_queries import StoredFeed
from repository.operations.revision_copies import RepublishedFeed, publish_revisions
from repository.operations.revision_source import FeedReference, RevisionSource, SourcePosition, find_bases
from repository.pool import Connection
from schemas.event_source import EventSource
from schemas.ids import created_event_id, new_feed_id
from schemas.instagram_feed_created import ExperimentArm, FeedMetrics, InstagramFeedCreated, LlmUsed
from schemas.post import InstagramPost


@dataclass(frozen=True, slots=True)
class RevisedPost:
    """The texts of a new revision, and the quality gate's warnings as stored."""

    post: InstagramPost
    quality: str


class RevisionCopier:
    """Makes stored posts the current ones of their overlays, with the same or other texts."""

    def __init__(self, connection: Connection, *, created_topic: str) -> None:
        self._connection = connection
        self._created_topic = created_topic

    async def republish(
        self,
        references: Sequence[FeedReference],
        rewrite: Callable[[RevisionSource], RevisedPost],
        *,
        origin: Literal["restore", "reparse"],
    ) -> dict[FeedReference, RepublishedFeed]:
        """Store a new revision of each post, with the texts from `rewrite`.

        If the race to another revision is lost, `rewrite` is called again with the current state.

        Raises:
            CannotRevise: from `rewrite`, or the post or its overlay does not allow it.
        """
        published: dict[FeedReference, RepublishedFeed] = {}
        remaining = list(references)
        while remaining:
            bases = await find_bases(self._connection, remaining)
            made = {reference: self.next_revision(basis, rewrite(basis)) for reference, basis in bases.items()}
            stored = await publish_revisions(self._connection, list(made.values()), origin=origin)
            published |= {reference: feed for reference, feed in made.items() if feed.instagram_feed_id in stored}
            remaining = [reference for reference in made if reference not in published]
        return published

    def next_revision(self, basis: RevisionSource, revised: RevisedPost) -> RepublishedFeed:
        """Build the next revision of a post's overlay, with this text; nothing is stored.

        Raises:
            CannotRevise: the post has no overlay or no model, or a request for its overlay is in progress.
        """
        post, now = revised.post, datetime.now(UTC)
        instagram_feed_id = new_feed_id(now)
        source = source_of(basis)
        created = _created(basis, post, source, instagram_feed_id, now)
        return RepublishedFeed(
            instagram_feed_id=instagram_feed_id,
            based_on_feed_id=basis.feed.instagram_feed_id,
            revision=created.revision,
            instagram_ad_copy=post.instagram_ad_copy,
            hashtags=post.hashtags,
            quality=revised.quality,
            created_at=now,
            event_id=created.source.event_id,
            source=source,
            created_event=announce(created, topic=self._created_topic, trace=trace_after(())),
        )


def as_it_was(basis: RevisionSource) -> RevisedPost:
    """Return the texts of an older revision.

    Raises:
        CannotRevise: it is the current one.
    """
    feed = basis.feed
    if basis.is_current:
        raise CannotRevise(
            f"post {feed.instagram_feed_id} is the current one of overlay {feed.overlay_id} already "
            f"(revision {feed.revision})"
        )
    return RevisedPost(InstagramPost(feed.instagram_ad_copy, feed.hashtags), feed.quality)


def _created(
    basis: RevisionSource, post: InstagramPost, source: SourcePosition, instagram_feed_id: UUID, now: datetime
) -> InstagramFeedCreated:
    """Build the event of a revision without a call: its metrics are those of the call behind the text, at no cost."""
    feed, overlay_id = basis.feed, overlay_of(basis)
    return InstagramFeedCreated(
        event_id=created_event_id(instagram_feed_id),
        occurred_at=now,
        instagram_feed_id=instagram_feed_id,
        tenant_id=feed.tenant_id,
        job_id=feed.job_id,
        overlay_id=overlay_id,
        revision=basis.newest_revision + 1,
        instagram_ad_copy=post.instagram_ad_copy,
        hashtags=post.hashtags,
        publishing=publishing_of(post),
        llm=_llm_used(feed),
        metrics=_metrics(feed),
        experiment=_arm(feed),
        source=EventSource(
            event_id=event_id_of(basis),
            topic=source.topic,
            partition=source.partition,
            offset=source.offset,
        ),
    )


def _llm_used(feed: StoredFeed) -> LlmUsed:
    if feed.llm_model_id is None or feed.provider is None or feed.model_name is None:
        raise CannotRevise(f"post {feed.instagram_feed_id} names no model, which its event would have to")
    return LlmUsed(
        llm_model_id=feed.llm_model_id,
        provider=feed.provider,
        model_name=feed.model_name,
        model_version=feed.model_version,
        used_temperature=feed.used_temperature,
        used_max_tokens=feed.used_max_tokens,
        prompt_version=feed.prompt_version or UNKNOWN,
    )


def _arm(feed: StoredFeed) -> ExperimentArm | None:
    if feed.experiment_id is None:
        return None
    return ExperimentArm(
        experiment_id=feed.experiment_id, name=feed.experiment_name or UNKNOWN, variant=feed.variant or UNKNOWN
    )


def _metrics(feed: StoredFeed) -> FeedMetrics:
    tokens = _tokens(feed)
    return FeedMetrics(
        latency_ms=feed.latency_ms,
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
        total_tokens=tokens.total,
        cached_prompt_tokens=tokens.cached_prompt,
        cost_usd=Decimal(0),
        llm_calls=0,
        end_to_end_ms=0.0,
    )


def _tokens(feed: StoredFeed) -> Tokens:
    """Return the tokens of the text's call: restored posts have them only in the usage, old ones only in columns."""
    if feed.token_usage is not None:
        return tokens_of(from_json(feed.token_usage))
    columns = ("prompt_tokens", "completion_tokens", "total_tokens")
    return tokens_of({name: getattr(feed, name) for name in columns})
