"""What a replay does for overlays: each statement takes a batch, and adds nothing when it is said again."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from repository.pool import Connection
from repository.requests import NEW_REQUEST, NewRequest
from schemas.ids import created_event_id
from schemas.request_state import RequestState


@dataclass(frozen=True, slots=True)
class OverlayStatus:
    """How an overlay stands: its newest request and its current post, as far as there are any.

    `replayed`: this replay has asked for a post before. `republished`: it has sent the event again before.
    """

    overlay_id: UUID
    request_state: RequestState | None
    instagram_feed_id: UUID | None
    prompt_version: str | None
    model_name: str | None
    has_event: bool
    replayed: bool
    republished: bool


_STANDINGS = """
    SELECT
        wanted.overlay_id,
        request.state AS request_state,
        feed.instagram_feed_id,
        feed.prompt_version,
        feed.model_name,
        coalesce(feed.has_event, false) AS has_event,
        EXISTS (
            SELECT FROM feed_requests r WHERE r.replay_id = $2 AND r.overlay_id = wanted.overlay_id
        ) AS replayed,
        EXISTS (
            SELECT FROM replay_republished r WHERE r.replay_id = $2 AND r.overlay_id = wanted.overlay_id
        ) AS republished
    FROM unnest($1::uuid[]) AS wanted (overlay_id)
    LEFT JOIN LATERAL (
        SELECT state FROM feed_requests r WHERE r.overlay_id = wanted.overlay_id ORDER BY revision DESC LIMIT 1
    ) AS request ON true
    LEFT JOIN LATERAL (
        SELECT f.instagram_feed_id, f.prompt_version, m.model_name, f.created_event_value IS NOT NULL AS has_event
        FROM instagram_feeds AS f
        LEFT JOIN llm_models AS m USING (llm_model_id)
        WHERE f.overlay_id = wanted.overlay_id
        ORDER BY f.revision DESC
        LIMIT 1
    ) AS feed ON true
"""


async def standings(connection: Connection, overlay_ids: Sequence[UUID], replay_id: UUID) -> dict[UUID, OverlayStatus]:
    """Return how these overlays stand, also with this replay."""
    rows = await connection.fetch(_STANDINGS, overlay_ids, replay_id)
    return {row["overlay_id"]: _status(row) for row in rows}


def _status(row: asyncpg.Record) -> OverlayStatus:
    state = row["request_state"]
    return OverlayStatus(**dict(row) | {"request_state": state and RequestState(state)})


_ENTER_NEW = f"""
    INSERT INTO feed_requests ({NEW_REQUEST}, state, available_at, origin, replay_id, background, group_id)
    SELECT {NEW_REQUEST}, CASE WHEN $2 THEN 'batched' ELSE 'waiting' END, now(), 'replay', $1, true,
        -- to be written by the group that reads the topic, or by any if there are several
        (SELECT min(group_id) FROM partition_leases WHERE topic = source_topic HAVING count(DISTINCT group_id) = 1)
    FROM {NEW_REQUEST.unnest("incoming", first=3)}
    ORDER BY overlay_id, revision
    ON CONFLICT DO NOTHING
    RETURNING overlay_id
"""  # noqa: S608 - the names are those of the dataclass


async def enter_new(
    connection: Connection, requests: Sequence[NewRequest], replay_id: UUID, *, by_batch: bool = False
) -> list[UUID]:
    """Enter overlays that nobody has asked about, to be written in the background; gives those that were new.

    `by_batch`: by a batch, else by a call each.
    """
    entered = await connection.fetch(_ENTER_NEW, replay_id, by_batch, *NEW_REQUEST.arrays(requests))
    return [row["overlay_id"] for row in entered]


# A request that failed keeps its event's bytes; a post that exists is not missing.
_RETRY_FAILED = """
    UPDATE feed_requests AS request
    SET state = CASE WHEN $3 THEN 'batched' ELSE 'waiting' END,
        batch_id = NULL,
        attempts = 0,
        available_at = now(),
        unrecorded_call = false,
        takeovers = 0,
        finished_at = NULL,
        replay_id = $1,
        background = true,
        updated_at = now()
    WHERE overlay_id = ANY($2::uuid[])
        AND state = 'failed'
        AND replay_id IS DISTINCT FROM $1
        AND revision = (SELECT max(revision) FROM feed_requests n WHERE n.overlay_id = request.overlay_id)
        AND NOT EXISTS (SELECT FROM instagram_feeds f WHERE f.overlay_id = request.overlay_id)
    RETURNING overlay_id
"""


async def retry_in_replay(
    connection: Connection, overlay_ids: Sequence[UUID], replay_id: UUID, *, by_batch: bool = False
) -> list[UUID]:
    """Have failed requests tried again, once in each replay; gives those that will be."""
    return [row["overlay_id"] for row in await connection.fetch(_RETRY_FAILED, replay_id, overlay_ids, by_batch)]


_REPUBLISH = """
    WITH noted AS (
        INSERT INTO replay_republished (replay_id, overlay_id)
        SELECT $1, feed.overlay_id
        FROM unnest($2::uuid[]) AS wanted (instagram_feed_id)
        JOIN instagram_feeds AS feed USING (instagram_feed_id)
        WHERE feed.created_event_value IS NOT NULL
        ORDER BY feed.overlay_id
        ON CONFLICT DO NOTHING
        RETURNING overlay_id
    )
    INSERT INTO outbox_events (event_id, topic, message_key, payload, headers, available_at)
    SELECT wanted.event_id, $4, convert_to(feed.overlay_id::text, 'UTF8'), feed.created_event_value,
        feed.created_event_headers, now()
    FROM unnest($2::uuid[], $3::uuid[]) AS wanted (instagram_feed_id, event_id)
    JOIN instagram_feeds AS feed USING (instagram_feed_id)
    JOIN noted ON noted.overlay_id = feed.overlay_id
    RETURNING outbox_id
"""


async def republish(connection: Connection, feed_ids: Sequence[UUID], replay_id: UUID, *, topic: str) -> int:
    """Put the created events of posts in the outbox again, byte for byte, once for each overlay in each replay.

    Returns how many were put there.
    """
    event_ids = [created_event_id(feed_id) for feed_id in feed_ids]
    return len(await connection.fetch(_REPUBLISH, replay_id, feed_ids, event_ids, topic))


@dataclass(frozen=True, slots=True)
class PastCalls:
    """What the last posts took. Characters are those of the whole prompt; tokens are of all calls for a post."""

    posts: int
    prompt_characters: int
    prompt_tokens: int
    cached_prompt_tokens: int
    completion_tokens: int
    mean_latency_ms: float | None


_PAST_CALLS = """
    SELECT
        count(*) AS posts,
        coalesce(sum(length(gpt_prompt_used)), 0) AS prompt_characters,
        coalesce(sum(prompt_tokens), 0)::bigint AS prompt_tokens,
        coalesce(sum(cached_prompt_tokens), 0)::bigint AS cached_prompt_tokens,
        coalesce(sum(completion_tokens), 0)::bigint AS completion_tokens,
        avg(latency_ms) AS mean_latency_ms
    FROM (
        SELECT feed.gpt_prompt_used, feed.latency_ms, request.prompt_tokens, request.cached_prompt_tokens,
            request.completion_tokens
        FROM instagram_feeds AS feed
        JOIN feed_requests AS request USING (overlay_id, revision)
        WHERE feed.llm_model_id = $1 AND feed.gpt_prompt_used IS NOT NULL AND request.prompt_tokens > 0
        ORDER BY feed.created_at DESC
        LIMIT $2
    ) AS last
"""


async def past_calls(connection: Connection, llm_model_id: UUID, *, posts: int) -> PastCalls:
    """Return what the last posts of a model took, `posts` at most."""
    row = await connection.fetchrow(_PAST_CALLS, llm_model_id, posts)
    if row is None:
        raise LookupError("an aggregate always has a row")
    return PastCalls(**dict(row))
