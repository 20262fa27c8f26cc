"""The ledger: one `feed_requests` row per (overlay_id, revision), from the first claim to the end.

Every statement takes a whole batch. A lease gives one process the right to work on a request; the
fencing token grows with every claim, so that a process that lost its lease cannot postpone or fail
what another one holds by now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from uuid import UUID

import asyncpg

from repository.columns import MOST_COUNTED, Columns
from repository.llm_calls import CALL, LlmCall, keep_calls
from repository.locks import LOCK_WAIT_S, lock_wait
from repository.pool import Connection
from repository.spending import NOTHING_SPENT, Spending, set_spending, spending_of
from schemas.instagram_feed_created import ExperimentArm
from schemas.overlay_completed import OverlayCompleted
from schemas.record import SourceRecord, unpack_headers

FIRST_REVISION = 1
"""The revision that an overlay's own event asks for; later ones are asked for by people."""
MAX_TAKEOVERS = 3
ARMS_KEPT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A valid event, which may be known already."""

    overlay_id: UUID
    revision: int
    tenant_id: str
    job_id: UUID | None
    event_id: str
    source: SourceRecord
    experiment_id: UUID | None = None
    variant: str | None = None
    experiment_name: str | None = None

    @classmethod
    def first(cls, event: OverlayCompleted, source: SourceRecord, arm: ExperimentArm | None = None) -> Self:
        """Build the request for an overlay's own event."""
        return cls(
            overlay_id=event.overlay_id,
            revision=FIRST_REVISION,
            tenant_id=event.tenant_id,
            job_id=event.job_id,
            event_id=event.event_id,
            source=source,
            experiment_id=arm.experiment_id if arm else None,
            variant=arm.variant if arm else None,
            experiment_name=arm.name if arm else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRequest:
    """A request leased by this process.

    `unrecorded_call`: a call may have been billed whose outcome was not recorded. `takeovers`: how many processes in a
    row were lost while they held it, `lost_owner`: the last of them, if it was `reclaimed`.
    """

    overlay_id: UUID
    revision: int
    fencing_token: int
    tenant_id: str
    job_id: UUID | None
    event_id: str
    source: SourceRecord
    arm: ExperimentArm | None = None
    attempts: int = 0
    llm_calls: int = 0
    spent: Spending = NOTHING_SPENT
    unrecorded_call: bool = False
    reclaimed: bool = False
    lost_owner: str | None = None
    takeovers: int = 0
    background: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponement:
    """Returns a request to the ledger for `delay_s`, with what this handling used."""

    overlay_id: UUID
    revision: int
    fencing_token: int
    delay_s: float
    attempts: int
    llm_calls: int
    unrecorded_call: bool
    spent: Spending
    reason: str
    detail: str
    unused_calls: tuple[LlmCall, ...] = ()


NEW_REQUEST = Columns(NewRequest, leaving_out={"experiment_name"})
_POSTPONEMENT = Columns(Postponement, leaving_out={"unused_calls"})

_CLAIM_NEW = f"""
    INSERT INTO feed_requests ({NEW_REQUEST}, state, lease_owner, available_at, group_id)
    SELECT {NEW_REQUEST}, 'claimed', $1, now() + $2 * interval '1 second', $3
    FROM {NEW_REQUEST.unnest("incoming", first=5)}, {lock_wait(4)}
    -- the same order in all processes, so that two polls with the same overlays cannot deadlock
    ORDER BY overlay_id, revision
    ON CONFLICT (overlay_id, revision) DO NOTHING
    RETURNING overlay_id, revision
"""  # noqa: S608 - the names are those of the dataclass


async def claim_new(
    connection: Connection,
    requests: Sequence[NewRequest],
    *,
    owner: str,
    lease_s: float,
    group_id: str | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
) -> list[ClaimedRequest]:
    """Enter and claim unknown requests in one statement; known ones are skipped.

    Only processes of the group work on them; without a group, any process.
    Requests must differ in (overlay_id, revision). Returns the new ones, in the order given.

    Raises:
        StoreContention: another transaction is about to enter one of them, for longer than `lock_wait_s`.
    """
    entered = await connection.fetch(_CLAIM_NEW, owner, lease_s, group_id, lock_wait_s, *NEW_REQUEST.arrays(requests))
    new = set(map(tuple, entered))
    return [
        ClaimedRequest(
            overlay_id=request.overlay_id,
            revision=request.revision,
            fencing_token=1,
            tenant_id=request.tenant_id,
            job_id=request.job_id,
            event_id=request.event_id,
            source=request.source,
            arm=_arm(request.experiment_id, request.experiment_name, request.variant),
        )
        for request in requests
        if (request.overlay_id, request.revision) in new
    ]


# They are taken in the order in which they were sent, although a whole poll is entered at once.
_ENTER_WAITING = f"""
    INSERT INTO feed_requests ({NEW_REQUEST}, state, available_at, group_id)
    SELECT {NEW_REQUEST}, 'waiting', now() + place * interval '1 microsecond', $1
    FROM (
        SELECT *, row_number() OVER (ORDER BY source_timestamp_ms, source_partition, source_offset) AS place
        FROM {NEW_REQUEST.unnest("polled", first=3)}
    ) AS incoming, {lock_wait(2)}
    ORDER BY overlay_id, revision
    ON CONFLICT (overlay_id, revision) DO NOTHING
    RETURNING overlay_id
"""  # noqa: S608 - the same


async def enter_waiting(
    connection: Connection,
    requests: Sequence[NewRequest],
    *,
    group_id: str | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
) -> set[UUID]:
    """Queue unknown requests for any process of the group; returns the new overlays.

    Raises:
        StoreContention: another transaction is about to enter one of them, for longer than `lock_wait_s`.
    """
    rows = await connection.fetch(_ENTER_WAITING, group_id, lock_wait_s, *NEW_REQUEST.arrays(requests))
    return {row["overlay_id"] for row in rows}


EXPERIMENT_NAME = """
    (SELECT name FROM experiments WHERE experiments.experiment_id = request.experiment_id) AS experiment_name
"""


def identities(held: Sequence[ClaimedRequest]) -> tuple[list[UUID], list[int], list[int]]:
    """Build the columns for `unnest`: overlay, revision and fencing token of each."""
    return (
        [request.overlay_id for request in held],
        [request.revision for request in held],
        [request.fencing_token for request in held],
    )


CLAIMED_COLUMNS = """
    request.overlay_id, request.revision, request.fencing_token, request.tenant_id, request.job_id, request.event_id,
    request.source_topic, request.source_partition, request.source_offset, request.source_timestamp_ms,
    request.source_key, request.source_value, request.source_headers, request.experiment_id, request.variant,
    request.attempts, request.llm_calls, request.prompt_tokens, request.cached_prompt_tokens,
    request.completion_tokens, request.cost_usd, request.unrecorded_call, request.takeovers, request.background
"""
"""The columns that `claimed_request` reads."""


def claimed_request(row: asyncpg.Record) -> ClaimedRequest:
    """Read a row of `feed_requests` with `EXPERIMENT_NAME` and whether it was `reclaimed`."""
    return ClaimedRequest(
        overlay_id=row["overlay_id"],
        revision=row["revision"],
        fencing_token=row["fencing_token"],
        tenant_id=row["tenant_id"],
        job_id=row["job_id"],
        event_id=row["event_id"],
        source=source_record(row),
        arm=_arm(row["experiment_id"], row["experiment_name"], row["variant"]),
        attempts=_count(row["attempts"]),
        llm_calls=_count(row["llm_calls"]),
        spent=spending_of(row),
        unrecorded_call=row["unrecorded_call"],
        reclaimed=row["reclaimed"],
        lost_owner=row.get("lost_owner"),
        takeovers=_count(row["takeovers"]),
        background=row["background"],
    )


# There are few arms: each is built once, with a UUID class that is serialised faster than asyncpg's own.
@lru_cache(maxsize=ARMS_KEPT)
def _arm(experiment_id: UUID | None, name: str | None, variant: str | None) -> ExperimentArm | None:
    if experiment_id is None or name is None or variant is None:
        return None
    return ExperimentArm(experiment_id=UUID(int=experiment_id.int), name=name, variant=variant)


def _count(stored: int) -> int:
    """Return a count that can be counted on, whatever somebody wrote into the row by hand."""
    return min(max(0, stored), MOST_COUNTED)


def source_record(row: asyncpg.Record) -> SourceRecord:
    """Read a request's record; one whose bytes are missing or were changed by hand is invalid, and fails alone."""
    try:
        headers, value = unpack_headers(row["source_headers"] or b""), row["source_value"]
    except ValueError:
        headers, value = (), None
    return SourceRecord(
        topic=row["source_topic"],
        partition=row["source_partition"],
        offset=row["source_offset"],
        timestamp_ms=row["source_timestamp_ms"],
        key=row["source_key"],
        value=value,
        headers=headers,
    )


_POSTPONE = f"""
    WITH kept_calls AS ({keep_calls(first=2 + len(_POSTPONEMENT.names))})
    UPDATE feed_requests AS request
    SET state = 'waiting',
        lease_owner = NULL,
        available_at = now() + later.delay_s * interval '1 second',
        attempts = later.attempts,
        llm_calls = later.llm_calls,
        unrecorded_call = later.unrecorded_call,
        takeovers = 0,
        {set_spending("later", prefix="spent_")},
        last_error_reason = later.reason,
        last_error_detail = later.detail,
        references_missing_since = CASE
            WHEN later.reason = 'missing_reference' THEN coalesce(request.references_missing_since, now()) END,
        updated_at = now()
    FROM {_POSTPONEMENT.unnest("later", first=2)}, {lock_wait(1)}
    WHERE (request.overlay_id, request.revision) = (later.overlay_id, later.revision)
        AND request.fencing_token = later.fencing_token
        AND request.state = 'claimed'
"""  # noqa: S608 - the same


async def postpone(
    connection: Connection, postponements: Sequence[Postponement], *, lock_wait_s: float = LOCK_WAIT_S
) -> None:
    """Set requests to `waiting` until they are due; those whose lease was lost are skipped.

    Raises:
        StoreContention: another transaction holds a row for longer than `lock_wait_s`. Nothing is postponed.
    """
    calls = [call for later in postponements for call in later.unused_calls]
    await connection.execute(_POSTPONE, lock_wait_s, *_POSTPONEMENT.arrays(postponements), *CALL.arrays(calls))
