"""Reading stored posts, for people."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from repository.pool import Connection
from schemas.request_state import RequestState


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSummary:
    """A post as a listing shows it. Tokens and latency are those of the call that wrote it."""

    instagram_feed_id: UUID
    overlay_id: UUID | None
    revision: int
    job_id: UUID | None
    tenant_id: str
    instagram_ad_copy: str
    hashtags: str
    model_name: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    latency_ms: float | None
    llm_calls: int | None
    cost_usd: Decimal | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFeed(FeedSummary):
    """A post with all that is known about it. `gpt_response_raw` and `token_usage` are JSON texts."""

    llm_model_id: UUID | None
    provider: str | None
    model_version: str | None
    refined_ad_copy_eng: str
    tone_style: str
    product_description: str
    store_information: str
    gpt_prompt: str
    gpt_prompt_used: str | None
    gpt_response_raw: str | None
    token_usage: str | None
    used_temperature: float | None
    used_max_tokens: int | None
    prompt_version: str | None
    experiment_id: UUID | None
    experiment_name: str | None
    variant: str | None
    source_event_id: str | None
    origin: str
    replay_id: UUID | None
    based_on_feed_id: UUID | None
    quality: str
    delivery: str = "live"
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedTexts:
    """A post and the texts it was written from; `pk` is its place in the order of all posts."""

    pk: int
    instagram_feed_id: UUID
    overlay_id: UUID | None
    revision: int
    tenant_id: str
    instagram_ad_copy: str
    hashtags: str
    refined_ad_copy_eng: str
    tone_style: str
    product_description: str
    store_information: str
    gpt_prompt: str


@dataclass(frozen=True, slots=True)
class RequestStanding:
    """Where the newest request for an overlay stands in the ledger."""

    state: RequestState
    attempts: int
    last_error_reason: str | None
    last_error_detail: str | None


_SUMMARY_COLUMNS = """
    feed.instagram_feed_id, feed.overlay_id, feed.revision, feed.job_id, feed.tenant_id,
    feed.instagram_ad_copy, feed.hashtags, model.model_name, feed.prompt_tokens, feed.completion_tokens,
    feed.total_tokens, feed.latency_ms, feed.llm_calls, feed.cost_usd, feed.created_at
"""

_LIST = f"""
    SELECT {_SUMMARY_COLUMNS}
    FROM {{feeds}} AS feed
    LEFT JOIN llm_models AS model USING (llm_model_id)
    WHERE ($1::text IS NULL OR feed.tenant_id = $1)
        AND ($2::uuid IS NULL OR feed.job_id = $2)
        AND ($3::uuid IS NULL OR feed.overlay_id = $3)
        AND ($5::text IS NULL OR model.model_name = $5)
        AND ($6::timestamptz IS NULL OR feed.created_at >= $6)
        AND ($7::timestamptz IS NULL OR feed.created_at < $7)
    ORDER BY feed.created_at DESC, feed.pk DESC
    LIMIT $4
"""  # noqa: S608 - the columns are a constant of this module
_LIST_ALL = _LIST.format(feeds="instagram_feeds")
_LIST_CURRENT = _LIST.format(feeds="current_instagram_feeds")


async def list_feeds(  # noqa: PLR0913 - the conditions of a listing
    connection: Connection,
    *,
    tenant_id: str | None = None,
    job_id: UUID | None = None,
    overlay_id: UUID | None = None,
    model_name: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    only_current: bool = False,
    limit: int,
) -> list[FeedSummary]:
    """Return at most `limit` posts, the newest first, of one tenant, job, overlay, model and time if given.

    `only_current`: of each overlay only the newest revision.
    """
    statement = _LIST_CURRENT if only_current else _LIST_ALL
    rows = await connection.fetch(statement, tenant_id, job_id, overlay_id, limit, model_name, since, until)
    return [FeedSummary(**dict(row)) for row in rows]


STORED_COLUMNS = f"""
    {_SUMMARY_COLUMNS},
    feed.llm_model_id, model.provider, model.model_version, feed.refined_ad_copy_eng, feed.tone_style,
    feed.product_description, feed.store_information, feed.gpt_prompt, feed.gpt_prompt_used,
    feed.gpt_response_raw, feed.token_usage, feed.used_temperature, feed.used_max_tokens,
    feed.prompt_version, feed.experiment_id,
    (SELECT name FROM experiments WHERE experiments.experiment_id = feed.experiment_id) AS experiment_name,
    feed.variant, feed.source_event_id, feed.origin, feed.replay_id,
    feed.based_on_feed_id, feed.quality, feed.updated_at, feed.delivery
"""  # noqa: S608 - the columns are a constant of this module
"""The columns of a `StoredFeed`, of `instagram_feeds AS feed` with `llm_models AS model`."""

_FIND = f"""
    SELECT {STORED_COLUMNS}
    FROM instagram_feeds AS feed
    LEFT JOIN llm_models AS model USING (llm_model_id)
    WHERE $1 IN (feed.instagram_feed_id, feed.overlay_id)
    ORDER BY feed.instagram_feed_id = $1 DESC, feed.revision DESC
    LIMIT 1
"""  # noqa: S608 - the columns are a constant of this module


async def find_feed(connection: Connection, feed_or_overlay_id: UUID) -> StoredFeed | None:
    """Return the post of this id, or the newest revision for the overlay of this id."""
    row = await connection.fetchrow(_FIND, feed_or_overlay_id)
    return None if row is None else StoredFeed(**dict(row))


_NEWEST_REQUEST = """
    SELECT state, attempts, last_error_reason, last_error_detail
    FROM feed_requests
    WHERE overlay_id = $1
    ORDER BY revision DESC
    LIMIT 1
"""


async def newest_request(connection: Connection, overlay_id: UUID) -> RequestStanding | None:
    """Return where an overlay that has no post stands; None when it was never asked for."""
    row = await connection.fetchrow(_NEWEST_REQUEST, overlay_id)
    return None if row is None else RequestStanding(**dict(row) | {"state": RequestState(row["state"])})


_TEXTS = """
    SELECT pk, instagram_feed_id, overlay_id, revision, tenant_id, instagram_ad_copy, hashtags,
        refined_ad_copy_eng, tone_style, product_description, store_information, gpt_prompt
    FROM instagram_feeds
    WHERE pk > $1 AND ($2::text IS NULL OR tenant_id = $2)
    ORDER BY pk
    LIMIT $3
"""


async def feed_texts(
    connection: Connection, *, after_pk: int, tenant_id: str | None = None, limit: int
) -> list[FeedTexts]:
    """Return at most `limit` posts behind `after_pk`, in the order they were stored, of one tenant if given."""
    rows = await connection.fetch(_TEXTS, after_pk, tenant_id, limit)
    return [FeedTexts(**dict(row)) for row in rows]
