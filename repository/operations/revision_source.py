"""Posts as what another revision is made from: the post, where its event lay, how its overlay stands."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from uuid import UUID

import asyncpg

from repository.operations.feed_queries import STORED_COLUMNS, StoredFeed
from repository.pool import Connection
from repository.prices import Prices


@dataclass(frozen=True, slots=True)
class FeedReference:
    """What a person calls a post: its own id, its overlay's (the newest revision), or overlay and revision."""

    feed_or_overlay_id: UUID
    revision: int | None = None

    def __str__(self) -> str:
        """Return the same in the form it is given on the command line."""
        return f"{self.feed_or_overlay_id}" + ("" if self.revision is None else f":{self.revision}")


@dataclass(frozen=True, slots=True)
class SourcePosition:
    """Where the event lay that a post answers."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionSource:
    """A post to make another revision from.

    `newest_revision` is the highest number taken, by a post or a request. `pending_revision` is that of a
    request in progress. `source` is None for posts from before the ledger. `prices` are those its
    model has now.
    """

    feed: StoredFeed
    is_current: bool
    newest_revision: int
    pending_revision: int | None
    source: SourcePosition | None
    prices: Prices


_FIND_BASES = f"""
    SELECT {STORED_COLUMNS},
        named.place,
        feed.revision = (
            SELECT max(revision) FROM instagram_feeds f WHERE f.overlay_id = feed.overlay_id
        ) AS is_current,
        greatest(
            (SELECT max(revision) FROM feed_requests r WHERE r.overlay_id = feed.overlay_id),
            (SELECT max(revision) FROM instagram_feeds f WHERE f.overlay_id = feed.overlay_id)
        ) AS newest_revision,
        (
            SELECT max(revision)
            FROM feed_requests r
            WHERE r.overlay_id = feed.overlay_id AND r.state NOT IN ('done', 'failed')
        ) AS pending_revision,
        source.source_topic, source.source_partition, source.source_offset, source.source_timestamp_ms,
        model.prompt_token_cost_per_1m, model.cached_prompt_token_cost_per_1m,
        model.cache_write_prompt_token_cost_per_1m, model.completion_token_cost_per_1m
    FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS named (id, revision, place)
    CROSS JOIN LATERAL (
        SELECT *
        FROM instagram_feeds AS candidate
        WHERE named.id IN (candidate.instagram_feed_id, candidate.overlay_id)
            AND (named.revision IS NULL OR (candidate.overlay_id, candidate.revision) = (named.id, named.revision))
        ORDER BY candidate.instagram_feed_id = named.id DESC, candidate.revision DESC
        LIMIT 1
    ) AS feed
    LEFT JOIN llm_models AS model USING (llm_model_id)
    LEFT JOIN feed_requests AS source
        ON (source.overlay_id, source.revision) = (feed.overlay_id, feed.revision)
    ORDER BY named.place
"""  # noqa: S608 - the columns are a constant


async def find_bases(
    connection: Connection, references: Sequence[FeedReference]
) -> dict[FeedReference, RevisionSource]:
    """Return the posts of these names, in the order given; names that stand for none are left out."""
    rows = await connection.fetch(
        _FIND_BASES,
        [reference.feed_or_overlay_id for reference in references],
        [reference.revision for reference in references],
    )
    return {references[row["place"] - 1]: _basis(row) for row in rows}


def _basis(row: asyncpg.Record) -> RevisionSource:
    source = None
    if row["source_topic"] is not None:
        source = SourcePosition(
            row["source_topic"], row["source_partition"], row["source_offset"], row["source_timestamp_ms"]
        )
    return RevisionSource(
        feed=StoredFeed(**{field.name: row[field.name] for field in fields(StoredFeed)}),
        is_current=bool(row["is_current"]),
        newest_revision=row["newest_revision"] or row["revision"],
        pending_revision=row["pending_revision"],
        source=source,
        prices=Prices(**{field.name: row[field.name] for field in fields(Prices)}),
    )


_CURRENT = """
    SELECT feed.instagram_feed_id
    FROM current_instagram_feeds AS feed
    WHERE feed.overlay_id IS NOT NULL
        AND ($1::text IS NULL OR feed.tenant_id = $1)
        AND ($2::text IS NULL OR feed.prompt_version IS DISTINCT FROM $2)
    ORDER BY feed.created_at
    LIMIT $3
"""


async def current_feeds(
    connection: Connection, *, tenant_id: str | None, prompt_version_not: str | None, limit: int
) -> list[FeedReference]:
    """Return at most `limit` current posts, the oldest first: of a tenant, not of a prompt version, if given."""
    rows = await connection.fetch(_CURRENT, tenant_id, prompt_version_not, limit)
    return [FeedReference(row["instagram_feed_id"]) for row in rows]
