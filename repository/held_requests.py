"""Requests held because a budget is spent: until its period ends, or more is available."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from repository.columns import Columns
from repository.llm_calls import CALL, LlmCall, keep_calls
from repository.locks import LOCK_WAIT_S, lock_wait
from repository.pool import Connection
from repository.spending import Spending, set_spending

MOST_PER_RELEASE = 5_000
MOST_FITTING = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Hold a request until `until` for a budget that was spent at a limit of `budget_limit`.

    `amount` is what it needs from it; None if a raise would not help.
    """

    overlay_id: UUID
    revision: int
    fencing_token: int
    budget_id: UUID
    budget_limit: Decimal
    amount: Decimal | None
    until: datetime
    llm_calls: int
    spent: Spending
    reason: str
    detail: str
    unused_calls: tuple[LlmCall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchHolding:
    """The same for a request that waits for a batch."""

    overlay_id: UUID
    revision: int
    budget_id: UUID
    budget_limit: Decimal
    amount: Decimal | None
    until: datetime
    reason: str
    detail: str


_HOLDING = Columns(Holding, leaving_out={"unused_calls"})
_BATCH_HOLDING = Columns(BatchHolding)

# The budget's row is locked against changes: a raise comes either before this, and is seen, or after it, and releases.
_UNCHANGED = """
    unchanged AS (
        SELECT budget.budget_id FROM budgets AS budget
        WHERE (budget.budget_id, coalesce(budget.limit_usd, budget.limit_tokens))
            IN (SELECT budget_id, budget_limit FROM later)
        ORDER BY budget.budget_id
        FOR SHARE OF budget
    )
"""
_HOLD = f"""
    WITH later AS (SELECT later.* FROM {_HOLDING.unnest("later", first=2)}, {lock_wait(1)}),
    {_UNCHANGED},
    kept_calls AS ({keep_calls(first=2 + len(_HOLDING.names))})
    UPDATE feed_requests AS request
    SET state = CASE WHEN unchanged.budget_id IS NULL THEN 'waiting' ELSE 'held' END,
        lease_owner = NULL,
        available_at = CASE WHEN unchanged.budget_id IS NULL THEN now() ELSE later.until END,
        held_budget_id = later.budget_id,
        held_amount = later.amount,
        held_for_batch = false,
        llm_calls = later.llm_calls,
        unrecorded_call = false,
        takeovers = 0,
        {set_spending("later", prefix="spent_")},
        last_error_reason = later.reason,
        last_error_detail = later.detail,
        updated_at = now()
    FROM later
    LEFT JOIN unchanged USING (budget_id)
    WHERE (request.overlay_id, request.revision) = (later.overlay_id, later.revision)
        AND request.fencing_token = later.fencing_token
        AND request.state = 'claimed'
"""  # noqa: S608 - the names are those of the dataclass


async def hold(connection: Connection, holdings: Sequence[Holding], *, lock_wait_s: float = LOCK_WAIT_S) -> None:
    """Hold requests; those whose lease was lost are skipped, those whose budget was changed meanwhile are retried.

    Raises:
        StoreContention: another transaction holds a row for longer than `lock_wait_s`. Nothing is held.
    """
    calls = [call for later in holdings for call in later.unused_calls]
    await connection.execute(_HOLD, lock_wait_s, *_HOLDING.arrays(holdings), *CALL.arrays(calls))


_HOLD_GATHERED = f"""
    WITH later AS (SELECT * FROM {_BATCH_HOLDING.unnest("later", first=1)}),
    {_UNCHANGED}
    UPDATE feed_requests AS request
    SET state = 'held',
        available_at = later.until,
        held_budget_id = later.budget_id,
        held_amount = later.amount,
        held_for_batch = true,
        last_error_reason = later.reason,
        last_error_detail = later.detail,
        updated_at = now()
    FROM later
    JOIN unchanged USING (budget_id)
    WHERE (request.overlay_id, request.revision) = (later.overlay_id, later.revision)
        AND request.state = 'batched' AND request.batch_id IS NULL
"""  # noqa: S608 - the same


async def hold_gathered(connection: Connection, holdings: Sequence[BatchHolding]) -> int:
    """Hold requests that wait for a batch, except those whose budget was changed meanwhile. Returns how many."""
    return _affected(await connection.execute(_HOLD_GATHERED, *_BATCH_HOLDING.arrays(holdings)))


# Due since their creation, so that the oldest are taken first, ahead of newer requests.
_GO_ON = """
    SET state = CASE WHEN request.held_for_batch THEN 'batched' ELSE 'waiting' END,
        held_for_batch = false,
        available_at = request.created_at,
        updated_at = now()
    FROM released
    WHERE (request.overlay_id, request.revision) = (released.overlay_id, released.revision)
"""


def _release(which: str) -> str:
    return f"""
    WITH released AS (
        SELECT overlay_id, revision FROM feed_requests
        WHERE state = 'held' AND {which}
        ORDER BY created_at
        LIMIT {MOST_PER_RELEASE}
        FOR UPDATE SKIP LOCKED
    )
    UPDATE feed_requests AS request
    {_GO_ON}
"""  # noqa: S608 - both conditions are constants


_RELEASE_DUE = _release("available_at <= $1")
_RELEASE_OF = _release("held_budget_id = $1")


async def release_due(connection: Connection, at: datetime) -> int:
    """Release requests whose period has ended, oldest first. Returns how many: at most MOST_PER_RELEASE."""
    return _affected(await connection.execute(_RELEASE_DUE, at))


async def release_of_budget(connection: Connection, budget_id: UUID) -> int:
    """Release requests held for one budget, likewise."""
    return _affected(await connection.execute(_RELEASE_OF, budget_id))


# Spending may decrease: a call was booked at its worst case, and its cost became known later.
_RELEASE_FITTING = f"""
    WITH standing AS (
        SELECT spending.budget_id,
            coalesce(budget.limit_usd, budget.limit_tokens) - spending.spent - spending.drawn AS free
        FROM budget_spending AS spending
        JOIN budgets AS budget USING (budget_id)
        WHERE spending.starts_at <= $1 AND $1 < spending.ends_at
    ),
    fitting AS (
        SELECT oldest.overlay_id, oldest.revision
        FROM standing
        CROSS JOIN LATERAL (
            SELECT overlay_id, revision, sum(held_amount) OVER (ORDER BY created_at, overlay_id, revision) AS together
            FROM (
                SELECT overlay_id, revision, held_amount, created_at FROM feed_requests
                WHERE state = 'held' AND held_budget_id = standing.budget_id AND held_amount IS NOT NULL
                ORDER BY created_at
                LIMIT {MOST_FITTING}) AS first
        ) AS oldest
        WHERE oldest.together <= standing.free
    ),
    released AS (
        SELECT request.overlay_id, request.revision FROM feed_requests AS request
        JOIN fitting USING (overlay_id, revision)
        WHERE request.state = 'held'
        FOR UPDATE OF request SKIP LOCKED
    )
    UPDATE feed_requests AS request
    {_GO_ON}
"""  # noqa: S608 - constants


async def release_fitting(connection: Connection, at: datetime) -> int:
    """Release requests that fit into this period again. Returns how many, which may not be all."""
    return _affected(await connection.execute(_RELEASE_FITTING, at))


def _affected(status: str) -> int:
    return int(status.rpartition(" ")[2])
