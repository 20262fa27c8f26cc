"""The revisions of an overlay: its posts, and its requests that have none (yet)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from repository.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision of an overlay's post.

    `state` is that of its request, None for a post from before the ledger. Without a post there is no
    `instagram_feed_id`. Tokens are those of the call that wrote the post; `cost_usd` and `llm_calls` count
    all calls, also of a request that has no post.
    """

    overlay_id: UUID
    revision: int
    is_current: bool
    instagram_feed_id: UUID | None
    state: str | None
    origin: str
    replay_id: UUID | None
    based_on_feed_id: UUID | None
    experiment_id: UUID | None
    variant: str | None
    model_name: str | None
    prompt_version: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    llm_calls: int | None
    cost_usd: Decimal | None
    last_error_reason: str | None
    last_error_detail: str | None
    created_at: datetime


_REVISIONS = """
    WITH named AS (
        SELECT coalesce((SELECT overlay_id FROM instagram_feeds WHERE instagram_feed_id = $1), $1) AS overlay_id
    )
    SELECT overlay_id, revision,
        instagram_feed_id IS NOT NULL
            AND revision = max(revision) FILTER (WHERE instagram_feed_id IS NOT NULL) OVER () AS is_current,
        feed.instagram_feed_id, request.state, coalesce(request.origin, feed.origin) AS origin,
        coalesce(request.replay_id, feed.replay_id) AS replay_id, feed.based_on_feed_id,
        feed.experiment_id, feed.variant, model.model_name, feed.prompt_version,
        feed.prompt_tokens, feed.completion_tokens, feed.total_tokens,
        coalesce(feed.llm_calls, request.llm_calls) AS llm_calls,
        coalesce(feed.cost_usd, request.cost_usd) AS cost_usd,
        request.last_error_reason, request.last_error_detail,
        coalesce(feed.created_at, request.created_at) AS created_at
    FROM (SELECT * FROM instagram_feeds JOIN named USING (overlay_id)) AS feed
    FULL JOIN (SELECT * FROM feed_requests JOIN named USING (overlay_id)) AS request USING (overlay_id, revision)
    LEFT JOIN llm_models AS model USING (llm_model_id)
    ORDER BY revision DESC
"""


async def revisions_of(connection: Connection, overlay_or_feed_id: UUID) -> list[Revision]:
    """Return all revisions of an overlay, or of the overlay of this post; the newest first."""
    return [Revision(**dict(row)) for row in await connection.fetch(_REVISIONS, overlay_or_feed_id)]
