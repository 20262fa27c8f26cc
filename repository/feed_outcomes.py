"""Feed outcomes: one row per event, so that a correction replaces and nothing counts twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from repository.columns import Columns
from repository.pool import Connection
from schemas.feed_outcome import FeedOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFeedOutcome:
    """A figure of a post; `place` is the caller's index. The post is given by its id, or by overlay and revision.

    Without `revision` it is the overlay's newest post.
    """

    place: int
    event_id: str
    instagram_feed_id: UUID | None
    overlay_id: UUID | None
    revision: int | None
    metric: str
    value: Decimal
    occurred_at: datetime
    published_at: datetime | None


def new_outcome(place: int, outcome: FeedOutcome) -> NewFeedOutcome:
    """Build the row of an outcome."""
    return NewFeedOutcome(
        place=place,
        event_id=outcome.event_id,
        instagram_feed_id=outcome.instagram_feed_id,
        overlay_id=outcome.overlay_id,
        revision=outcome.revision,
        metric=outcome.metric,
        value=outcome.amount,
        occurred_at=outcome.occurred_at,
        published_at=outcome.published_at,
    )


@dataclass(frozen=True, slots=True)
class StoredOutcomes:
    """How many were new and how many known by event id; the indexes of those with an unknown post."""

    stored: int
    known: int
    unknown_posts: frozenset[int]


_OUTCOME = Columns(NewFeedOutcome)

# In the order of the ids, so that two processes that store the same ones cannot deadlock.
_STORE = f"""
    WITH found AS (
        SELECT incoming.place, incoming.event_id, incoming.metric, incoming.value, incoming.occurred_at,
            incoming.published_at, feed.instagram_feed_id, feed.overlay_id, feed.revision
        FROM {_OUTCOME.unnest("incoming", first=1)}
        LEFT JOIN LATERAL (
            SELECT by_id.instagram_feed_id, by_id.overlay_id, by_id.revision
            FROM instagram_feeds AS by_id
            WHERE by_id.instagram_feed_id = incoming.instagram_feed_id
                AND (incoming.overlay_id IS NULL OR by_id.overlay_id = incoming.overlay_id)
                AND (incoming.revision IS NULL OR by_id.revision = incoming.revision)
            UNION ALL
            (
                SELECT by_overlay.instagram_feed_id, by_overlay.overlay_id, by_overlay.revision
                FROM instagram_feeds AS by_overlay
                WHERE incoming.instagram_feed_id IS NULL AND by_overlay.overlay_id = incoming.overlay_id
                    AND (incoming.revision IS NULL OR by_overlay.revision = incoming.revision)
                ORDER BY by_overlay.revision DESC
                LIMIT 1
            )
        ) AS feed ON true
    ),
    stored AS (
        INSERT INTO feed_outcomes (
            event_id, instagram_feed_id, overlay_id, revision, metric, value, occurred_at, published_at)
        SELECT event_id, instagram_feed_id, overlay_id, revision, metric, value, occurred_at, published_at
        FROM found
        WHERE instagram_feed_id IS NOT NULL
        ORDER BY event_id, place
        ON CONFLICT (event_id) DO NOTHING
        RETURNING event_id
    )
    SELECT (SELECT count(*) FROM stored) AS stored,
        coalesce(array_agg(place) FILTER (WHERE instagram_feed_id IS NULL), '{{}}') AS unknown
    FROM found
"""  # noqa: S608 - the names are those of the dataclass


async def store_outcomes(connection: Connection, outcomes: Sequence[NewFeedOutcome]) -> StoredOutcomes:
    """Store outcomes of known posts; known event ids are skipped.

    Raises:
        RefusedData: the database will never accept a value. None of the batch is stored.
    """
    [row] = await connection.fetch(_STORE, *_OUTCOME.arrays(outcomes))
    unknown = frozenset(row["unknown"])
    return StoredOutcomes(row["stored"], len(outcomes) - len(unknown) - row["stored"], unknown)
