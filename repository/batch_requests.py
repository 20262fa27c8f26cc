"""Requests entering and leaving batches: state `batched` in the ledger.

One that waits for a batch has no `batch_id`; one in a batch has its id and a new fencing token. It leaves the batch
only by ending or by being sent on; posts are stored by `repository.feeds`, like any other.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from repository.columns import Columns, one_more
from repository.llm_calls import CALL, LlmCall, keep_calls
from repository.locks import LOCK_WAIT_S, lock_wait
from repository.pool import Connection
from repository.requests import EXPERIMENT_NAME, NEW_REQUEST, ClaimedRequest, NewRequest, claimed_request
from repository.spending import Spending, set_spending

RequestKey = tuple[UUID, int]
"""Overlay and revision."""

_ENTER = f"""
    INSERT INTO feed_requests ({NEW_REQUEST}, state, available_at, group_id)
    SELECT {NEW_REQUEST}, 'batched', now(), $1
    FROM {NEW_REQUEST.unnest("incoming", first=3)}, {lock_wait(2)}
    -- the same order in all processes, so that two polls with the same overlays cannot deadlock
    ORDER BY overlay_id, revision
    ON CONFLICT (overlay_id, revision) DO NOTHING
    RETURNING overlay_id
"""  # noqa: S608 - the names are those of the dataclass


async def enter_batched(
    connection: Connection, requests: Sequence[NewRequest], *, group_id: str | None, lock_wait_s: float = LOCK_WAIT_S
) -> set[UUID]:
    """Enter unknown requests, to be written by batch; returns the new overlays.

    Raises:
        StoreContention: another transaction is about to enter one of them, for longer than `lock_wait_s`.
    """
    rows = await connection.fetch(_ENTER, group_id, lock_wait_s, *NEW_REQUEST.arrays(requests))
    return {row["overlay_id"] for row in rows}


@dataclass(frozen=True, slots=True)
class Gathered:
    """The requests waiting for a batch: how many, and for how long the first has waited."""

    count: int
    longest_s: float


_GATHERED = """
    SELECT count(*) AS count, coalesce(extract(epoch FROM now() - min(available_at)), 0)::float8 AS longest_s
    FROM feed_requests
    WHERE state = 'batched' AND batch_id IS NULL AND available_at <= now() AND (group_id = $1 OR group_id IS NULL)
"""


async def gathered(connection: Connection, *, group_id: str) -> Gathered:
    """Return how many requests wait for a batch."""
    row = await connection.fetchrow(_GATHERED, group_id)
    if row is None:
        raise LookupError("an aggregate always has a row")
    return Gathered(row["count"], row["longest_s"])


Place = tuple[datetime, UUID, int]
"""The position of a waiting request: by its time, then its key."""

_CHOOSE = f"""
    SELECT request.*, false AS reclaimed, {EXPERIMENT_NAME}
    FROM feed_requests AS request
    WHERE state = 'batched' AND batch_id IS NULL AND available_at <= now() AND (group_id = $1 OR group_id IS NULL)
        AND ($2::timestamptz IS NULL OR (available_at, overlay_id, revision) > ($2, $3::uuid, $4::int))
    ORDER BY available_at, overlay_id, revision
    LIMIT $5
    FOR UPDATE OF request SKIP LOCKED
"""  # noqa: S608 - no value is in it


async def lock_gathered(
    connection: Connection, *, group_id: str, after: Place | None, limit: int
) -> tuple[list[ClaimedRequest], Place | None]:
    """Lock the next requests that wait for a batch, in this transaction; returns them and the position of the last."""
    rows = await connection.fetch(_CHOOSE, group_id, *(after or (None, None, None)), limit)
    if not rows:
        return [], None
    last = rows[-1]
    return [claimed_request(row) for row in rows], (last["available_at"], last["overlay_id"], last["revision"])


_PUT_IN = f"""
    UPDATE feed_requests AS request
    SET batch_id = chosen.batch_id,
        fencing_token = {one_more("request.fencing_token")},
        llm_calls = {one_more("request.llm_calls")},
        updated_at = now()
    FROM unnest($1::uuid[], $2::int[], $3::uuid[]) AS chosen (overlay_id, revision, batch_id)
    WHERE (request.overlay_id, request.revision) = (chosen.overlay_id, chosen.revision)
"""  # noqa: S608 - no value is in it


async def put_in_batches(connection: Connection, chosen: Sequence[tuple[ClaimedRequest, UUID]]) -> None:
    """Put locked requests into their batches: each gets a new fencing token and one more call."""
    await connection.execute(
        _PUT_IN,
        [request.overlay_id for request, _ in chosen],
        [request.revision for request, _ in chosen],
        [batch_id for _, batch_id in chosen],
    )


_CLAIM = f"""
    UPDATE feed_requests AS request
    SET state = 'claimed', fencing_token = {one_more("request.fencing_token")}, available_at = now()
    FROM unnest($2::uuid[], $3::int[]) AS ending (overlay_id, revision)
    WHERE (request.overlay_id, request.revision) = (ending.overlay_id, ending.revision)
        AND request.state = 'batched' AND request.batch_id = $1
    RETURNING request.overlay_id, request.revision, request.fencing_token
"""  # noqa: S608 - no value is in it


async def claim_from_batch(
    connection: Connection, batch_id: UUID, keys: Collection[RequestKey]
) -> dict[RequestKey, int]:
    """Claim requests that this transaction is about to end; returns the tokens of those still in the batch."""
    rows = await connection.fetch(_CLAIM, batch_id, [key[0] for key in keys], [key[1] for key in keys])
    return {(row["overlay_id"], row["revision"]): row["fencing_token"] for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOn:
    """A request that continues without a post after `delay_s`: in another batch or, with `goes_live`, live."""

    overlay_id: UUID
    revision: int
    goes_live: bool
    delay_s: float
    attempts: int
    llm_calls: int
    spent: Spending
    reason: str
    detail: str
    unused_calls: tuple[LlmCall, ...] = ()


_SENT_ON = Columns(SentOn, leaving_out={"unused_calls"})
_SEND_ON = f"""
    WITH kept_calls AS ({keep_calls(first=3 + len(_SENT_ON.names))})
    UPDATE feed_requests AS request
    SET state = CASE WHEN later.goes_live THEN 'waiting' ELSE 'batched' END,
        batch_id = CASE WHEN later.goes_live THEN request.batch_id END,
        available_at = now() + later.delay_s * interval '1 second',
        fencing_token = {one_more("request.fencing_token")},
        attempts = later.attempts,
        llm_calls = later.llm_calls,
        {set_spending("later", prefix="spent_")},
        last_error_reason = later.reason,
        last_error_detail = later.detail,
        references_missing_since = CASE
            WHEN later.reason = 'missing_reference' THEN coalesce(request.references_missing_since, now()) END,
        updated_at = now()
    FROM {_SENT_ON.unnest("later", first=3)}, {lock_wait(2)}
    WHERE (request.overlay_id, request.revision) = (later.overlay_id, later.revision)
        AND request.state = 'batched' AND request.batch_id = $1
"""  # noqa: S608 - the names are those of the dataclass


async def send_on(
    connection: Connection, batch_id: UUID, sent_on: Sequence[SentOn], *, lock_wait_s: float = LOCK_WAIT_S
) -> None:
    """Take requests without a post out of a batch; those no longer in it are skipped.

    Raises:
        StoreContention: another transaction holds a row for longer than `lock_wait_s`. Nothing is changed.
    """
    calls = [call for later in sent_on for call in later.unused_calls]
    await connection.execute(_SEND_ON, batch_id, lock_wait_s, *_SENT_ON.arrays(sent_on), *CALL.arrays(calls))


_ONE_AT_A_TIME = "SELECT pg_try_advisory_xact_lock(hashtextextended('instagram-feed batch of ' || $1::text, 0))"


async def try_to_gather(connection: Connection, *, group_id: str) -> bool:
    """Return whether this transaction has the exclusive right to create batches until it ends."""
    return bool(await connection.fetchval(_ONE_AT_A_TIME, group_id))


_SEND_LIVE = """
    UPDATE feed_requests AS request
    SET state = 'waiting', available_at = now(), updated_at = now()
    FROM unnest($1::uuid[], $2::int[]) AS chosen (overlay_id, revision)
    WHERE (request.overlay_id, request.revision) = (chosen.overlay_id, chosen.revision)
        AND request.state = 'batched' AND request.batch_id IS NULL
"""


async def send_gathered_live(connection: Connection, keys: Collection[RequestKey]) -> None:
    """Make requests that wait for a batch live."""
    await connection.execute(_SEND_LIVE, [key[0] for key in keys], [key[1] for key in keys])


_PUT_OFF = """
    UPDATE feed_requests AS request
    SET available_at = now() + $3 * interval '1 second', last_error_reason = $4, updated_at = now()
    FROM unnest($1::uuid[], $2::int[]) AS chosen (overlay_id, revision)
    WHERE (request.overlay_id, request.revision) = (chosen.overlay_id, chosen.revision)
        AND request.state = 'batched' AND request.batch_id IS NULL
"""


async def put_off_gathered(
    connection: Connection, keys: Collection[RequestKey], *, delay_s: float, reason: str
) -> None:
    """Let requests wait for a batch for at least so much longer."""
    await connection.execute(_PUT_OFF, [key[0] for key in keys], [key[1] for key in keys], delay_s, reason)
