"""Slices of budgets: drawn by processes and batches, extended, returned, closed. Amounts are USD or tokens.

Of a period's limit, what is neither spent nor drawn may be drawn. `budget_spending` is locked before `budget_slices`,
in the order of budgets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from repository.columns import Columns
from repository.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The position of a budget: the amount `drawn` by this call, and what all have spent of its limit."""

    drawn: Decimal
    limit: Decimal
    spent: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceInHand:
    """A process's slice of one period of a budget."""

    budget_id: UUID
    starts_at: datetime
    drawn: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentOfSlice:
    """Spending of a slice that is not booked with a request."""

    budget_id: UUID
    starts_at: datetime
    amount: Decimal


_DRAW = """
    WITH period AS (
        SELECT spending.budget_id, spending.starts_at, spending.spent,
            coalesce(budget.limit_usd, budget.limit_tokens) AS limited,
            coalesce(budget.limit_usd, budget.limit_tokens) - spending.spent - spending.drawn AS free
        FROM budget_spending AS spending
        JOIN budgets AS budget USING (budget_id)
        WHERE spending.budget_id = $2 AND spending.starts_at = $3
        FOR UPDATE OF spending
    ),
    drawing AS (
        SELECT *, greatest($4::numeric, least($5::numeric, trunc(free / $6::int, 12))) AS amount
        FROM period
        WHERE free >= $4::numeric
    ),
    drawn AS (
        UPDATE budget_spending AS spending
        SET drawn = spending.drawn + drawing.amount
        FROM drawing
        WHERE (spending.budget_id, spending.starts_at) = (drawing.budget_id, drawing.starts_at)
        RETURNING drawing.amount
    ),
    in_hand AS (
        INSERT INTO budget_slices AS slice (owner, budget_id, starts_at, drawn, expires_at)
        SELECT $1, budget_id, starts_at, amount, now() + $7 * interval '1 second' FROM drawing
        ON CONFLICT (owner, budget_id, starts_at) DO UPDATE SET drawn = slice.drawn + excluded.drawn
    )
    SELECT coalesce((SELECT amount FROM drawn), 0) AS drawn, period.limited AS limit,
        period.spent + coalesce((
            SELECT sum(slice.spent) FROM budget_slices AS slice
            WHERE (slice.budget_id, slice.starts_at) = (period.budget_id, period.starts_at)), 0) AS spent
    FROM period
"""


async def draw(
    connection: Connection,
    owner: str,
    budget_id: UUID,
    starts_at: datetime,
    *,
    at_least: Decimal,
    at_most: Decimal,
    share: int,
    lease_s: float | None,
) -> Position | None:
    """Draw from a period: `at_most`, or the fraction `share` of the rest if less; nothing if below `at_least`.

    None if there is no such period. Without `lease_s` the slice does not expire.
    """
    row = await connection.fetchrow(_DRAW, owner, budget_id, starts_at, at_least, at_most, share, lease_s)
    return Position(**row) if row else None


_EXTEND = """
    UPDATE budget_slices SET expires_at = now() + $2 * interval '1 second' WHERE owner = $1
    RETURNING budget_id, starts_at, drawn
"""


async def extend_slices(connection: Connection, owner: str, *, lease_s: float) -> list[SliceInHand]:
    """Extend the leases of all slices of a process. Returns those that it still has."""
    return [SliceInHand(**row) for row in await connection.fetch(_EXTEND, owner, lease_s)]


_SLICES_OF = "SELECT budget_id, starts_at, drawn FROM budget_slices WHERE owner = $1"


async def slices_of(connection: Connection, owner: str) -> list[SliceInHand]:
    """Return the slices of a process or a batch."""
    return [SliceInHand(**row) for row in await connection.fetch(_SLICES_OF, owner)]


_IN_HAND = Columns(SliceInHand)
_GIVE_BACK = f"""
    WITH periods AS (
        SELECT spending.budget_id, spending.starts_at
        FROM budget_spending AS spending
        JOIN {_IN_HAND.unnest("kept", first=2)} USING (budget_id, starts_at)
        ORDER BY spending.budget_id, spending.starts_at
        FOR UPDATE OF spending
    ),
    slices AS (
        SELECT slice.budget_id, slice.starts_at, slice.drawn - kept.drawn AS returned, kept.drawn
        FROM periods
        JOIN budget_slices AS slice USING (budget_id, starts_at)
        JOIN {_IN_HAND.unnest("kept", first=2)} USING (budget_id, starts_at)
        WHERE slice.owner = $1
        FOR UPDATE OF slice
    ),
    reduced AS (
        UPDATE budget_slices AS slice
        SET drawn = slices.drawn
        FROM slices
        WHERE (slice.owner, slice.budget_id, slice.starts_at) = ($1, slices.budget_id, slices.starts_at)
    )
    UPDATE budget_spending AS spending
    SET drawn = spending.drawn - slices.returned
    FROM slices
    WHERE (spending.budget_id, spending.starts_at) = (slices.budget_id, slices.starts_at)
"""  # noqa: S608 - the names are those of the dataclass


async def give_back(connection: Connection, owner: str, kept: Sequence[SliceInHand]) -> None:
    """Return what exceeds `drawn` in these slices."""
    await connection.execute(_GIVE_BACK, owner, *_IN_HAND.arrays(kept))


def _close(which: str) -> str:
    return f"""
    WITH ended AS (
        SELECT slice.owner, slice.budget_id, slice.starts_at FROM budget_slices AS slice WHERE {which}
    ),
    periods AS (
        SELECT spending.budget_id, spending.starts_at
        FROM budget_spending AS spending
        WHERE (spending.budget_id, spending.starts_at) IN (SELECT budget_id, starts_at FROM ended)
        ORDER BY spending.budget_id, spending.starts_at
        FOR UPDATE OF spending
    ),
    closed AS (
        DELETE FROM budget_slices AS slice
        USING ended
        WHERE (slice.owner, slice.budget_id, slice.starts_at) = (ended.owner, ended.budget_id, ended.starts_at)
            AND (SELECT count(*) FROM periods) > 0
            AND ({which})
        RETURNING slice.budget_id, slice.starts_at, slice.drawn, slice.spent
    ),
    sums AS (
        SELECT budget_id, starts_at, sum(drawn) AS drawn, sum(spent) AS spent, count(*) AS slices
        FROM closed GROUP BY budget_id, starts_at
    )
    UPDATE budget_spending AS spending
    SET drawn = spending.drawn - sums.drawn, spent = spending.spent + sums.spent
    FROM sums
    WHERE (spending.budget_id, spending.starts_at) = (sums.budget_id, sums.starts_at)
    RETURNING sums.slices
"""  # noqa: S608 - both conditions are constants


_CLOSE = _close(
    "slice.owner = $1 AND (slice.budget_id, slice.starts_at) IN (SELECT * FROM unnest($2::uuid[], $3::timestamptz[]))"
)
# Requests of a lost process are booked at their worst case when they are taken over; until then its slices stay drawn.
_CLOSE_LOST = _close(
    """
    slice.expires_at < now() AND NOT EXISTS (
        SELECT FROM feed_requests AS request
        WHERE request.state = 'claimed' AND request.lease_owner = slice.owner)
    """
)


_SPENT_OF_SLICE = Columns(SpentOfSlice)
_SPEND = f"""
    UPDATE budget_slices AS slice
    SET spent = slice.spent + told.amount
    FROM {_SPENT_OF_SLICE.unnest("told", first=2)}
    WHERE (slice.owner, slice.budget_id, slice.starts_at) = ($1, told.budget_id, told.starts_at)
"""  # noqa: S608 - the names are those of the dataclass


async def spend_of_slices(connection: Connection, owner: str, amounts: Sequence[SpentOfSlice]) -> None:
    """Book amounts as spent from slices."""
    await connection.execute(_SPEND, owner, *_SPENT_OF_SLICE.arrays(amounts))


async def close_slices(connection: Connection, owner: str, ended: Sequence[tuple[UUID, datetime]]) -> None:
    """Book the spending of these slices, and return the rest."""
    await connection.execute(_CLOSE, owner, [one[0] for one in ended], [one[1] for one in ended])


async def close_lost_slices(connection: Connection) -> int:
    """Close the slices of lost processes whose requests have all been taken over. Returns how many slices."""
    return sum(row[0] for row in await connection.fetch(_CLOSE_LOST))
