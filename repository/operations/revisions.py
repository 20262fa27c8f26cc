"""Asking for another revision of posts: requests in the ledger that any running consumer takes.

Revisions of an overlay count up, whether a request or a post took the last number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from repository.pool import Connection
from schemas.record import SourceRecord, pack_headers
from schemas.request_state import RequestState


@dataclass(frozen=True, slots=True)
class RequestedRevision:
    """An overlay that is to get another post, and the event to write it from."""

    overlay_id: UUID
    tenant_id: str
    job_id: UUID | None
    event_id: str
    source: SourceRecord


@dataclass(frozen=True, slots=True)
class EnteredRevision:
    """A request that is in the ledger now."""

    overlay_id: UUID
    revision: int


# One order in all processes: two that ask for the same overlays must not deadlock.
_ASK = """
    WITH asked AS (
        SELECT * FROM unnest(
            $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::int[], $10::bigint[], $11::bigint[],
            $12::bytea[], $13::bytea[], $14::bytea[]
        ) AS t (
            overlay_id, tenant_id, job_id, event_id, source_topic, source_partition, source_offset,
            source_timestamp_ms, source_key, source_value, source_headers)
    ),
    wanted AS (
        SELECT asked.*, newest.revision + 1 AS revision, arm.experiment_id, arm.variant
        FROM asked
        LEFT JOIN LATERAL (
            SELECT experiment_id, variant FROM feed_requests r
            WHERE r.overlay_id = asked.overlay_id ORDER BY r.revision DESC LIMIT 1
        ) AS arm ON $15
        CROSS JOIN LATERAL (
            SELECT greatest(
                (SELECT max(revision) FROM feed_requests r WHERE r.overlay_id = asked.overlay_id),
                (SELECT max(revision) FROM instagram_feeds f WHERE f.overlay_id = asked.overlay_id),
                0) AS revision
        ) AS newest
        WHERE NOT EXISTS (
            SELECT FROM feed_requests AS known
            WHERE known.overlay_id = asked.overlay_id
                AND (known.state NOT IN ('done', 'failed') OR known.replay_id = $2)
        )
    ),
    entered AS (
        INSERT INTO feed_requests (
            overlay_id, revision, state, available_at, origin, replay_id, background, group_id, tenant_id, job_id,
            event_id, source_topic, source_partition, source_offset, source_timestamp_ms,
            source_key, source_value, source_headers, experiment_id, variant)
        SELECT overlay_id, revision, CASE WHEN $16 THEN 'batched' ELSE 'waiting' END, now(), $1, $2, $3,
            (
                SELECT group_id FROM feed_requests r
                WHERE r.overlay_id = wanted.overlay_id ORDER BY r.revision DESC LIMIT 1
            ),
            tenant_id, job_id, event_id,
            source_topic, source_partition, source_offset, source_timestamp_ms,
            source_key, source_value, source_headers, experiment_id, variant
        FROM wanted
        ORDER BY overlay_id
        ON CONFLICT DO NOTHING
        RETURNING overlay_id, revision
    )
    SELECT wanted.overlay_id, entered.revision
    FROM wanted
    LEFT JOIN entered USING (overlay_id)
"""


async def ask_for_revisions(
    connection: Connection,
    asked: Sequence[RequestedRevision],
    *,
    origin: Literal["regenerate", "replay"],
    replay_id: UUID | None = None,
    background: bool = False,
    keep_arm: bool = True,
    by_batch: bool = False,
) -> list[EnteredRevision]:
    """Enter the next revision of each overlay, to be written at once or `by_batch`; overlays must differ.

    Each has the variant that its overlay has in an experiment, or with `keep_arm` false none.
    Passed over are overlays with a request in progress, and those this replay has asked for before.

    Returns what was entered, in the order given. Safe when several ask at once: who finds a revision taken
    looks again, and sees the other's request in progress.
    """
    entered: dict[UUID, int] = {}
    remaining = list(asked)
    while remaining:
        rows = await connection.fetch(_ASK, origin, replay_id, background, *_columns(remaining), keep_arm, by_batch)
        entered.update({row["overlay_id"]: row["revision"] for row in rows if row["revision"] is not None})
        lost_the_race = {row["overlay_id"] for row in rows if row["revision"] is None}
        remaining = [one for one in remaining if one.overlay_id in lost_the_race]
    return [EnteredRevision(one.overlay_id, entered[one.overlay_id]) for one in asked if one.overlay_id in entered]


def _columns(asked: Sequence[RequestedRevision]) -> list[list[object]]:
    rows = [
        (
            one.overlay_id,
            one.tenant_id,
            one.job_id,
            one.event_id,
            one.source.topic,
            one.source.partition,
            one.source.offset,
            one.source.timestamp_ms,
            one.source.key,
            one.source.value,
            pack_headers(one.source.headers),
        )
        for one in asked
    ]
    return list(map(list, zip(*rows, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionProgress:
    """How far a request for a revision has come. `is_taken`: a process has begun with it, now or before."""

    overlay_id: UUID
    revision: int
    state: RequestState
    is_taken: bool
    instagram_feed_id: UUID | None
    cost_usd: Decimal | None
    last_error_reason: str | None
    last_error_detail: str | None

    @property
    def has_ended(self) -> bool:
        """Whether it has its post, or will never have one."""
        return self.state.has_ended

    @property
    def is_batched(self) -> bool:
        """Whether it waits for a batch, or is in one."""
        return self.state is RequestState.BATCHED


_PROGRESS = """
    SELECT overlay_id, revision, request.state, request.fencing_token > 1 AS is_taken, feed.instagram_feed_id,
        request.cost_usd, request.last_error_reason, request.last_error_detail
    FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS entered (overlay_id, revision, place)
    JOIN feed_requests AS request USING (overlay_id, revision)
    LEFT JOIN instagram_feeds AS feed USING (overlay_id, revision)
    ORDER BY place
"""


async def progress_of(connection: Connection, entered: Sequence[EnteredRevision]) -> list[RevisionProgress]:
    """Return how these requests stand, in the order given."""
    rows = await connection.fetch(_PROGRESS, [one.overlay_id for one in entered], [one.revision for one in entered])
    return [RevisionProgress(**dict(row) | {"state": RequestState(row["state"])}) for row in rows]
