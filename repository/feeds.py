"""Finishing requests: the feed row (or the failure), its events and the end of the request, in one statement.

Each function is one statement and so one transaction: a state change and the event that announces it commit together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from repository.budget_calls import Settlement, settling
from repository.columns import Columns, Jsonb
from repository.llm_calls import CALL, LlmCall, keep_calls
from repository.locks import LOCK_WAIT_S, lock_wait
from repository.outbox import NewOutboxEvent, OutboxEvent
from repository.pool import Connection
from repository.spending import Spending, set_spending


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One row of `instagram_feeds`: the fields of the seed's design and our additive ones.

    A new field is a new column. Tokens are those of the call that produced the text; `spent` is what all calls used
    together, and `unused_calls` are those of this handling that led to no post. `kept_…` identify the row of the call
    that produced the text, if its answer was kept: the row is deleted with the post stored.
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
    gpt_response_raw: Jsonb
    latency_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    token_usage: Jsonb
    created_at: datetime
    prompt_version: str
    llm_calls: int
    source_event_id: str
    quality: Jsonb
    spent: Spending
    created_event: NewOutboxEvent
    experiment_id: UUID | None = None
    variant: str | None = None
    delivery: str = "live"
    unused_calls: tuple[LlmCall, ...] = ()
    kept_fencing_token: int | None = None
    kept_call_number: int | None = None


_FEED = Columns(Feed, leaving_out={"unused_calls"})
POST_COLUMNS = tuple(name for name in _FEED.names if not name.startswith(("spent_", "created_event_", "kept_")))
"""The columns of `instagram_feeds` named like fields."""
_POST = ", ".join(POST_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
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
    unused_calls: tuple[LlmCall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _FailureEvent:
    overlay_id: UUID
    revision: int
    event: NewOutboxEvent


_FAILURE = Columns(Failure, leaving_out={"events", "unused_calls"})
_FAILURE_EVENT = Columns(_FailureEvent)


# ON CONFLICT alone would check upstream's NOT NULL columns first, even for existing rows; it is for rows that another
# transaction inserts meanwhile.
_ENSURE_REFERENCES = """
    ensured_jobs AS (
        INSERT INTO jobs (job_id)
        SELECT DISTINCT job_id FROM incoming
        WHERE job_id IS NOT NULL AND NOT EXISTS (SELECT FROM jobs WHERE jobs.job_id = incoming.job_id)
        ORDER BY job_id
        ON CONFLICT DO NOTHING),
    ensured_overlays AS (
        INSERT INTO overlay_layouts (overlay_id)
        SELECT DISTINCT overlay_id FROM incoming
        WHERE NOT EXISTS (SELECT FROM overlay_layouts AS known WHERE known.overlay_id = incoming.overlay_id)
        ORDER BY overlay_id
        ON CONFLICT DO NOTHING),
"""


# The UPDATE comes first and decides: the second of two results for one request waits for the first's commit,
# finds the request finished, and so stores and announces nothing.
def _store_statement(ensure_references: str = "", settling_charges: str = "") -> str:
    return f"""
    WITH incoming AS (SELECT feed.* FROM {_FEED.unnest("feed", first=3)}, {lock_wait(2)}),
    {ensure_references}
    finished AS (
        UPDATE feed_requests AS request
        SET state = 'done',
            lease_owner = NULL,
            available_at = NULL,
            llm_calls = incoming.llm_calls,
            {set_spending("incoming", prefix="spent_")},
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
            {_POST}, updated_at, cost_usd, origin, replay_id, created_event_value, created_event_headers)
        SELECT
            {_POST}, created_at, spent_cost_usd, origin, replay_id, created_event_value, created_event_headers
        FROM incoming
        JOIN finished USING (instagram_feed_id)
        ON CONFLICT (overlay_id, revision) DO NOTHING
        RETURNING instagram_feed_id
    ),
    kept_calls AS ({keep_calls(first=3 + len(_FEED.names))}),
    {settling_charges}
    used_after_all AS (
        DELETE FROM llm_calls AS kept
        USING incoming
        JOIN stored USING (instagram_feed_id)
        WHERE incoming.kept_call_number IS NOT NULL
            AND (kept.overlay_id, kept.revision, kept.fencing_token, kept.call_number)
                = (incoming.overlay_id, incoming.revision, incoming.kept_fencing_token, incoming.kept_call_number)
    )
    INSERT INTO outbox_events (event_id, topic, message_key, payload, headers, available_at)
    SELECT created_event_event_id, created_event_topic, created_event_key, created_event_value,
        created_event_headers, now() + $1 * interval '1 second'
    FROM incoming
    JOIN stored USING (instagram_feed_id)
    RETURNING outbox_id, event_id
"""  # noqa: S608 - the names are those of the dataclasses


# Only for requests ended by this statement: repeated after a lost response, it books nothing twice.
_SETTLING_OWNER = 3 + len(_FEED.names) + len(CALL.names)
_ENDED = """
    WHERE (charge.overlay_id, charge.revision) IN (
        SELECT incoming.overlay_id, incoming.revision FROM incoming JOIN finished USING (instagram_feed_id))
"""
_SETTLING = settling(owner=_SETTLING_OWNER, first=_SETTLING_OWNER + 1, which=_ENDED) + ","
_STORE_ENSURING = _store_statement(_ENSURE_REFERENCES)
_STORE_REQUIRING = _store_statement()
_STORE_ENSURING_AND_SETTLE = _store_statement(_ENSURE_REFERENCES, _SETTLING)
_STORE_REQUIRING_AND_SETTLE = _store_statement("", _SETTLING)


async def store(
    connection: Connection,
    feeds: Sequence[Feed],
    *,
    ensure_references: bool,
    relay_lease_s: float,
    lock_wait_s: float = LOCK_WAIT_S,
    settlement: Settlement | None = None,
) -> list[OutboxEvent]:
    """Store posts, end their requests, put their created events in the outbox, and book the cost of their calls.

    A post whose request is already finished (by another process) is dropped, and nothing is booked for it.

    Returns the events now in the outbox, which the caller leases for `relay_lease_s`.

    Raises:
        MissingReference: a job, overlay or model row does not exist (only without `ensure_references`).
        RefusedData: the database will never accept a value. No row of the batch is stored.
        StoreContention: another transaction holds a row for longer than `lock_wait_s`. No row is stored.
    """
    calls = [call for feed in feeds for call in feed.unused_calls]
    arguments = [relay_lease_s, lock_wait_s, *_FEED.arrays(feeds), *CALL.arrays(calls)]
    if settlement is None:
        statement = _STORE_ENSURING if ensure_references else _STORE_REQUIRING
    else:
        statement = _STORE_ENSURING_AND_SETTLE if ensure_references else _STORE_REQUIRING_AND_SETTLE
        arguments += settlement.arguments
    inserted = await connection.fetch(statement, *arguments)
    return _in_hand(inserted, [feed.created_event for feed in feeds])


_FAIL = f"""
    WITH incoming AS (SELECT failure.* FROM {_FAILURE.unnest("failure", first=3)}, {lock_wait(2)}),
    failed AS (
        UPDATE feed_requests AS request
        SET state = 'failed',
            lease_owner = NULL,
            available_at = NULL,
            attempts = incoming.attempts,
            llm_calls = incoming.llm_calls,
            {set_spending("incoming", prefix="spent_")},
            last_error_reason = incoming.reason,
            last_error_detail = incoming.detail,
            updated_at = now(),
            finished_at = now()
        FROM incoming
        WHERE (request.overlay_id, request.revision) = (incoming.overlay_id, incoming.revision)
            AND request.fencing_token = incoming.fencing_token
            AND request.state = 'claimed'
        RETURNING request.overlay_id, request.revision
    ),
    kept_calls AS ({keep_calls(first=3 + len(_FAILURE.names) + len(_FAILURE_EVENT.names))})
    INSERT INTO outbox_events (event_id, topic, message_key, payload, headers, available_at)
    SELECT event_event_id, event_topic, event_key, event_value, event_headers, now() + $1 * interval '1 second'
    FROM {_FAILURE_EVENT.unnest("event", first=3 + len(_FAILURE.names))}
    JOIN failed USING (overlay_id, revision)
    RETURNING outbox_id, event_id
"""  # noqa: S608 - the same


async def fail(
    connection: Connection, failures: Sequence[Failure], *, relay_lease_s: float, lock_wait_s: float = LOCK_WAIT_S
) -> list[OutboxEvent]:
    """End requests as failed and put their events in the outbox; those whose lease was lost are dropped.

    Returns the events now in the outbox, which the caller leases for `relay_lease_s`.

    Raises:
        StoreContention: another transaction holds a row for longer than `lock_wait_s`. No request has ended.
    """
    events = [
        _FailureEvent(overlay_id=failure.overlay_id, revision=failure.revision, event=event)
        for failure in failures
        for event in failure.events
    ]
    calls = [call for failure in failures for call in failure.unused_calls]
    arrays = *_FAILURE.arrays(failures), *_FAILURE_EVENT.arrays(events), *CALL.arrays(calls)
    inserted = await connection.fetch(_FAIL, relay_lease_s, lock_wait_s, *arrays)
    return _in_hand(inserted, [event.event for event in events])


def _in_hand(inserted: Sequence[asyncpg.Record], events: Sequence[NewOutboxEvent]) -> list[OutboxEvent]:
    records = {event.event_id: event.record for event in events}
    return [OutboxEvent(outbox_id, event_id, records[event_id]) for outbox_id, event_id in inserted]
