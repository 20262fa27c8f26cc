"""Finishing requests: the feed row (or the failure), its events and the end of the request, all in one.

Each function is one statement and so one transaction: a state change and the event that announces
it commit together or not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from repository.outbox import NewOutboxEvent, OutboxEvent
from repository.pool import Connection
from repository.spending import Spending
from schemas.record import pack_headers


@dataclass(frozen=True, slots=True)
class Feed:
    """One row of `instagram_feeds`: the fields of the seed's design and our additive ones.

    Tokens are those of the call that produced the text; `spent` is what all calls took together.
    """

    instagram_feed_id: UUID
    overlay_id: UUID
    revision: int
    job_id: UUID | None
    llm_model_id: UUID
    tenant_id: str
    refined_ad_copy_eng: str
    tone_style: str
    product_description: str
    store_information: str
    gpt_prompt: str
    instagram_ad_copy: str
    hashtags: str
    used_temperature: float | None
    used_max_tokens: int
    gpt_prompt_used: str
    gpt_response_raw: str
    latency_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    token_usage: str
    created_at: datetime
    prompt_version: str
    llm_calls: int
    source_event_id: str
    spent: Spending
    created_event: NewOutboxEvent


@dataclass(frozen=True, slots=True)
class Failure:
    """The terminal end of a request, announced by `events` (the failed event and the dead letter)."""

    overlay_id: UUID
    revision: int
    fencing_token: int
    attempts: int
    llm_calls: int
    spent: Spending
    reason: str
    detail: str
    events: tuple[NewOutboxEvent, ...]


_ENSURE_REFERENCES = """
    ensured_jobs AS (
        INSERT INTO jobs (job_id)
        SELECT DISTINCT job_id FROM incoming WHERE job_id IS NOT NULL ORDER BY job_id
        ON CONFLICT DO NOTHING),
    ensured_overlays AS (
        INSERT INTO overlay_layouts (overlay_id)
        SELECT DISTINCT overlay_id FROM incoming ORDER BY overlay_id
        ON CONFLICT DO NOTHING),
"""

# The UPDATE comes first and decides: of two results for one request the second finds it finished
# (it waits for the first's commit and then sees its state), so it stores and announces nothing.
_STORE = """
    WITH incoming AS (
        SELECT * FROM unnest(
            $1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::float8[], $15::int[],
            $16::text[], $17::jsonb[], $18::float8[], $19::int[], $20::int[], $21::int[], $22::jsonb[],
            $23::timestamptz[], $24::text[], $25::int[], $26::text[],
            $27::bigint[], $28::bigint[], $29::bigint[], $30::numeric[],
            $31::uuid[], $32::text[], $33::bytea[], $34::bytea[], $35::bytea[]
        ) AS t (
            instagram_feed_id, overlay_id, revision, job_id, llm_model_id, tenant_id, refined_ad_copy_eng,
            tone_style, product_description, store_information, gpt_prompt, instagram_ad_copy, hashtags,
            used_temperature, used_max_tokens, gpt_prompt_used, gpt_response_raw, latency_ms, prompt_tokens,
            completion_tokens, total_tokens, token_usage, created_at, prompt_version, llm_calls,
            source_event_id, spent_prompt_tokens, spent_cached_prompt_tokens, spent_completion_tokens,
            cost_usd, event_id, event_topic, event_key, event_value, event_headers)
    ),
    {ensure_references}
    finished AS (
        UPDATE feed_requests AS request
        SET state = 'done',
            lease_owner = NULL,
            available_at = NULL,
            llm_calls = incoming.llm_calls,
            prompt_tokens = incoming.spent_prompt_tokens,
            cached_prompt_tokens = incoming.spent_cached_prompt_tokens,
            completion_tokens = incoming.spent_completion_tokens,
            cost_usd = incoming.cost_usd,
            last_error_reason = NULL,
            last_error_detail = NULL,
            source_key = NULL,
            source_value = NULL,
            source_headers = NULL,
            updated_at = now(),
            finished_at = now()
        FROM incoming
        WHERE (request.overlay_id, request.revision) = (incoming.overlay_id, incoming.revision)
            AND request.state NOT IN ('done', 'failed')
        RETURNING incoming.instagram_feed_id, request.origin, request.replay_id
    ),
    stored AS (
        INSERT INTO instagram_feeds (
            instagram_feed_id, overlay_id, revision, job_id, llm_model_id, tenant_id, refined_ad_copy_eng,
            tone_style, product_description, store_information, gpt_prompt, instagram_ad_copy, hashtags,
            used_temperature, used_max_tokens, gpt_prompt_used, gpt_response_raw, latency_ms, prompt_tokens,
            completion_tokens, total_tokens, token_usage, created_at, updated_at, prompt_version, llm_calls,
            source_event_id, cost_usd, origin, replay_id, created_event_value, created_event_headers)
        SELECT
            instagram_feed_id, overlay_id, revision, job_id, llm_model_id, tenant_id, refined_ad_copy_eng,
            tone_style, product_description, store_information, gpt_prompt, instagram_ad_copy, hashtags,
            used_temperature, used_max_tokens, gpt_prompt_used, gpt_response_raw, latency_ms, prompt_tokens,
            completion_tokens, total_tokens, token_usage, created_at, created_at, prompt_version, llm_calls,
            source_event_id, cost_usd, origin, replay_id, event_value, event_headers
        FROM incoming
        JOIN finished USING (instagram_feed_id)
        ON CONFLICT (overlay_id, revision) DO NOTHING
        RETURNING instagram_feed_id
    )
    INSERT INTO outbox_events (event_id, topic, message_key, payload, headers, available_at)
    SELECT event_id, event_topic, event_key, event_value, event_headers, now() + $36 * interval '1 second'
    FROM incoming
    JOIN stored USING (instagram_feed_id)
    RETURNING outbox_id, event_id
"""

_STORE_ENSURING = _STORE.format(ensure_references=_ENSURE_REFERENCES)
_STORE_REQUIRING = _STORE.format(ensure_references="")


async def store(
    connection: Connection, feeds: Sequence[Feed], *, ensure_references: bool, relay_lease_s: float
) -> list[OutboxEvent]:
    """Store posts, end their requests and put their created events in the outbox.

    A post whose request is finished already (another process was faster) is dropped.

    Returns the events that are now in the outbox, in the hands of the caller for `relay_lease_s`.

    Raises:
        MissingReference: a job, overlay or model row does not exist (only without `ensure_references`).
        RefusedData: a value that the database will never take. No row of the batch is stored.
    """
    rows = [
        (
            feed.instagram_feed_id,
            feed.overlay_id,
            feed.revision,
            feed.job_id,
            feed.llm_model_id,
            feed.tenant_id,
            feed.refined_ad_copy_eng,
            feed.tone_style,
            feed.product_description,
            feed.store_information,
            feed.gpt_prompt,
            feed.instagram_ad_copy,
            feed.hashtags,
            feed.used_temperature,
            feed.used_max_tokens,
            feed.gpt_prompt_used,
            feed.gpt_response_raw,
            feed.latency_ms,
            feed.prompt_tokens,
            feed.completion_tokens,
            feed.total_tokens,
            feed.token_usage,
            feed.created_at,
            feed.prompt_version,
            feed.llm_calls,
            feed.source_event_id,
            feed.spent.prompt_tokens,
            feed.spent.cached_prompt_tokens,
            feed.spent.completion_tokens,
            feed.spent.cost_usd,
            *_event_columns(feed.created_event),
        )
        for feed in feeds
    ]
    statement = _STORE_ENSURING if ensure_references else _STORE_REQUIRING
    inserted = await connection.fetch(statement, *map(list, zip(*rows, strict=True)), relay_lease_s)
    return _in_hand(inserted, [feed.created_event for feed in feeds])


_FAIL = """
    WITH incoming AS (
        SELECT * FROM unnest(
            $1::uuid[], $2::int[], $3::bigint[], $4::int[], $5::int[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::numeric[], $10::text[], $11::text[]
        ) AS t (
            overlay_id, revision, fencing_token, attempts, llm_calls, prompt_tokens, cached_prompt_tokens,
            completion_tokens, cost_usd, reason, detail)
    ),
    failed AS (
        UPDATE feed_requests AS request
        SET state = 'failed',
            lease_owner = NULL,
            available_at = NULL,
            attempts = incoming.attempts,
            llm_calls = incoming.llm_calls,
            prompt_tokens = incoming.prompt_tokens,
            cached_prompt_tokens = incoming.cached_prompt_tokens,
            completion_tokens = incoming.completion_tokens,
            cost_usd = incoming.cost_usd,
            last_error_reason = incoming.reason,
            last_error_detail = incoming.detail,
            updated_at = now(),
            finished_at = now()
        FROM incoming
        WHERE (request.overlay_id, request.revision) = (incoming.overlay_id, incoming.revision)
            AND request.fencing_token = incoming.fencing_token
            AND request.state = 'claimed'
        RETURNING request.overlay_id, request.revision
    )
    INSERT INTO outbox_events (event_id, topic, message_key, payload, headers, available_at)
    SELECT event_id, topic, message_key, payload, headers, now() + $12 * interval '1 second'
    FROM unnest(
        $13::uuid[], $14::int[], $15::uuid[], $16::text[], $17::bytea[], $18::bytea[], $19::bytea[]
    ) AS event (overlay_id, revision, event_id, topic, message_key, payload, headers)
    JOIN failed USING (overlay_id, revision)
    RETURNING outbox_id, event_id
"""


async def fail(connection: Connection, failures: Sequence[Failure], *, relay_lease_s: float) -> list[OutboxEvent]:
    """End requests as failed and put their events in the outbox; those whose lease was lost are dropped.

    Returns the events that are now in the outbox, in the hands of the caller for `relay_lease_s`.
    """
    rows = [
        (
            failure.overlay_id,
            failure.revision,
            failure.fencing_token,
            failure.attempts,
            failure.llm_calls,
            failure.spent.prompt_tokens,
            failure.spent.cached_prompt_tokens,
            failure.spent.completion_tokens,
            failure.spent.cost_usd,
            failure.reason,
            failure.detail,
        )
        for failure in failures
    ]
    events = [
        (failure.overlay_id, failure.revision, *_event_columns(event))
        for failure in failures
        for event in failure.events
    ]
    inserted = await connection.fetch(
        _FAIL,
        *map(list, zip(*rows, strict=True)),
        relay_lease_s,
        *map(list, zip(*events, strict=True)),
    )
    return _in_hand(inserted, [event for failure in failures for event in failure.events])


def _event_columns(event: NewOutboxEvent) -> tuple[UUID, str, bytes | None, bytes | None, bytes]:
    record = event.record
    return event.event_id, record.topic, record.key, record.value, pack_headers(record.headers)


def _in_hand(inserted: Sequence[asyncpg.Record], events: Sequence[NewOutboxEvent]) -> list[OutboxEvent]:
    records = {event.event_id: event.record for event in events}
    return [OutboxEvent(outbox_id, event_id, records[event_id]) for outbox_id, event_id in inserted]
