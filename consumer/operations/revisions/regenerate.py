"""The request for another text: rebuilds the event behind a stored post. Pure."""

from datetime import datetime
from decimal import Decimal

from pydantic import ValidationError
from pydantic_core import from_json

from consumer.llm.usage import UNKNOWN, tokens_of
from consumer.operations.revisions.revision_source import CannotRevise, event_id_of, overlay_of, source_of
from consumer.post.prompt import BUILT_IN_INSTRUCTION
from repository.operations.feed_queries import StoredFeed
from repository.operations.revision_source import RevisionSource
from repository.operations.revisions import RequestedRevision
from repository.prices import cost_usd
from schemas.field_problems import problems_of
from schemas.overlay_completed import OverlayCompleted
from schemas.record import SourceRecord


def ask_again(basis: RevisionSource, *, now: datetime) -> RequestedRevision:
    """Return the request: from the post's inputs, for the original event, started `now`.

    Raises:
        CannotRevise: the overlay allows no other revision, or the inputs break the current contract.
    """
    overlay_id, feed = overlay_of(basis), basis.feed
    position = source_of(basis)
    source = SourceRecord(
        topic=position.topic,
        partition=position.partition,
        offset=position.offset,
        timestamp_ms=position.timestamp_ms,
        key=str(overlay_id).encode(),
        value=_event_again(basis, now).model_dump_json().encode(),
        headers=(),
    )
    return RequestedRevision(overlay_id, feed.tenant_id, feed.job_id, event_id_of(basis), source)


def estimated_cost_usd(basis: RevisionSource) -> Decimal:
    """Price the call that wrote the post at its model's current prices; 0 if its tokens are unknown."""
    feed = basis.feed
    tokens = tokens_of(from_json(feed.token_usage)) if feed.token_usage else UNKNOWN
    cost = cost_usd(
        basis.prices,
        prompt_tokens=feed.prompt_tokens if tokens.prompt is None else tokens.prompt,
        cached_prompt_tokens=tokens.cached_prompt,
        cache_write_prompt_tokens=tokens.cache_write_prompt,
        completion_tokens=feed.completion_tokens if tokens.completion is None else tokens.completion,
    )
    return cost or Decimal(0)


def _event_again(basis: RevisionSource, now: datetime) -> OverlayCompleted:
    feed = basis.feed
    try:
        return OverlayCompleted(
            event_id=event_id_of(basis),
            # end_to_end_ms is that of this revision
            occurred_at=now,
            tenant_id=feed.tenant_id,
            overlay_id=overlay_of(basis),
            job_id=feed.job_id,
            refined_ad_copy_eng=feed.refined_ad_copy_eng,
            tone_style=feed.tone_style,
            product_description=feed.product_description,
            store_information=feed.store_information,
            gpt_prompt=_own_instruction(feed),
        )
    except ValidationError as error:
        problems = "; ".join(map(str, problems_of(error)))
        raise CannotRevise(f"post {feed.instagram_feed_id} has inputs that are not accepted: {problems}") from None


def _own_instruction(feed: StoredFeed) -> str:
    """Return the event's instruction; None if it had none, so that the current built-in one applies."""
    return "" if feed.gpt_prompt == BUILT_IN_INSTRUCTION else feed.gpt_prompt
