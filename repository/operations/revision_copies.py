"""Another revision from a post that is stored already: no LLM call, but a row, a ledger entry and an event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from repository.columns import Columns, Jsonb
from repository.feeds import POST_COLUMNS
from repository.operations.revision_source import SourcePosition
from repository.outbox import NewOutboxEvent
from repository.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class RepublishedFeed:
    """A new revision: its own texts and event; all else is copied from the post it is based on."""

    instagram_feed_id: UUID
    based_on_feed_id: UUID
    revision: int
    instagram_ad_copy: str
    hashtags: str
    quality: Jsonb
    created_at: datetime
    event_id: str
    source: SourcePosition
    created_event: NewOutboxEvent


_REPUBLISHED = Columns(RepublishedFeed)

# No call was made for these rows, so they have no tokens and no latency that sums and averages would count
# twice; those of the call behind the text are in token_usage, and in the post it is based on.
_OF_THE_CALL = {"latency_ms", "prompt_tokens", "completion_tokens", "total_tokens", "llm_calls"}
_COPIED = ", ".join(name for name in POST_COLUMNS if name not in _OF_THE_CALL and name not in _REPUBLISHED.names)

# The ledger's primary key decides between two that want the same revision, as it does for requests.
_PUBLISH = f"""
    WITH incoming AS (SELECT * FROM {_REPUBLISHED.unnest("feed", first=2)}),
    new AS (
        SELECT incoming.*, {_COPIED}
        FROM incoming
        JOIN (SELECT instagram_feed_id AS based_on_feed_id, {_COPIED} FROM instagram_feeds) AS base
            USING (based_on_feed_id)
        WHERE NOT EXISTS (
            SELECT FROM feed_requests AS request
            WHERE request.overlay_id = base.overlay_id AND request.state NOT IN ('done', 'failed')
        )
    ),
    entered AS (
        INSERT INTO feed_requests (
            overlay_id, revision, state, origin, tenant_id, job_id, event_id, source_topic, source_partition,
            source_offset, source_timestamp_ms, experiment_id, variant, finished_at)
        SELECT DISTINCT ON (overlay_id, revision)
            overlay_id, revision, 'done', $1, tenant_id, job_id, event_id, source_topic, source_partition,
            source_offset, source_timestamp_ms, experiment_id, variant, now()
        FROM new
        ORDER BY overlay_id, revision
        ON CONFLICT DO NOTHING
        RETURNING overlay_id, revision
    ),
    stored AS (
        INSERT INTO instagram_feeds (
            instagram_feed_id, revision, instagram_ad_copy, hashtags, quality, created_at, updated_at, llm_calls,
            cost_usd, origin, based_on_feed_id, created_event_value, created_event_headers, {_COPIED})
        SELECT
            instagram_feed_id, revision, instagram_ad_copy, hashtags, quality, created_at, created_at, 0,
            0, $1, based_on_feed_id, created_event_value, created_event_headers, {_COPIED}
        FROM new
        JOIN entered USING (overlay_id, revision)
        ON CONFLICT (overlay_id, revision) DO NOTHING
        RETURNING instagram_feed_id
    ),
    announced AS (
        INSERT INTO outbox_events (event_id, topic, message_key, payload, headers, available_at)
        SELECT created_event_event_id, created_event_topic, created_event_key, created_event_value,
            created_event_headers, now()
        FROM new
        JOIN stored USING (instagram_feed_id)
    )
    SELECT instagram_feed_id FROM stored
"""  # noqa: S608 - the names are those of the dataclasses


async def publish_revisions(
    connection: Connection, feeds: Sequence[RepublishedFeed], *, origin: Literal["restore", "reparse"]
) -> set[UUID]:
    """Store new revisions, enter them in the ledger as done, and leave their events to any relay.

    Left out are those whose revision somebody else has taken, or whose overlay has a request in progress.

    Returns the instagram_feed_ids that were stored.
    """
    stored = await connection.fetch(_PUBLISH, origin, *_REPUBLISHED.arrays(feeds))
    return {row["instagram_feed_id"] for row in stored}
