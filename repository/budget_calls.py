"""The cost of calls, booked with the end of their request, and calls with an unknown outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from repository.columns import Columns
from repository.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What one call cost one budget; with `is_known` false it is the worst case."""

    overlay_id: UUID
    revision: int
    fencing_token: int
    call_number: int
    budget_id: UUID
    starts_at: datetime
    amount: Decimal
    is_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LostCall:
    """A call that a lost process may have made for a request, at its worst case."""

    overlay_id: UUID
    revision: int
    fencing_token: int
    call_number: int
    owner: str
    budget_id: UUID
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCall:
    """The cost of a call whose completion was found after all."""

    overlay_id: UUID
    revision: int
    cost_usd: Decimal | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """Charges of a process."""

    owner: str
    charges: Sequence[Charge]

    @property
    def arguments(self) -> list[object]:
        """The parameters of `settling`, the owner first."""
        return [self.owner, *_CHARGE.arrays(self.charges)]


_CHARGE = Columns(Charge)
_LOST = Columns(LostCall)
_FOUND = Columns(FoundCall)


# Earlier entries for these calls, booked when the process seemed lost or not booked yet, are replaced.
def settling(*, owner: int, first: int, which: str = "") -> str:
    """Return CTEs that book the charges (parameters from `$first` on) of process `$owner` that match `which`."""
    return f"""
    charge AS (SELECT * FROM {_CHARGE.unnest("charge", first=first)} {which}),
    sums AS (SELECT budget_id, starts_at, sum(amount) AS amount FROM charge GROUP BY budget_id, starts_at),
    in_slice AS (
        UPDATE budget_slices AS slice
        SET spent = slice.spent + sums.amount
        FROM sums
        WHERE (slice.owner, slice.budget_id, slice.starts_at) = (${owner}, sums.budget_id, sums.starts_at)
        RETURNING slice.budget_id, slice.starts_at
    ),
    settled AS (
        DELETE FROM budget_unsettled_calls AS unsettled
        USING (SELECT DISTINCT overlay_id, revision, fencing_token FROM charge) AS ended
        WHERE (unsettled.overlay_id, unsettled.revision, unsettled.fencing_token)
            = (ended.overlay_id, ended.revision, ended.fencing_token)
        RETURNING unsettled.budget_id, unsettled.starts_at,
            CASE WHEN unsettled.is_booked THEN -unsettled.amount ELSE 0 END AS amount
    ),
    booked AS (
        SELECT budget_id, starts_at, sum(amount) AS amount
        FROM (
            SELECT * FROM settled WHERE amount <> 0
            UNION ALL
            -- a slice that was closed in the meantime: its process had been taken for lost
            SELECT budget_id, starts_at, amount FROM sums
            WHERE (budget_id, starts_at) NOT IN (SELECT budget_id, starts_at FROM in_slice)) AS change
        GROUP BY budget_id, starts_at
    ),
    settled_spending AS (
        UPDATE budget_spending AS spending
        SET spent = spending.spent + booked.amount
        FROM booked
        WHERE (spending.budget_id, spending.starts_at) = (booked.budget_id, booked.starts_at)
    )
"""  # noqa: S608 - the names are those of the dataclass


_SETTLE = f"WITH {settling(owner=1, first=2)} SELECT"
_KEEP = f"""
    INSERT INTO budget_unsettled_calls (
        overlay_id, revision, fencing_token, call_number, budget_id, starts_at, amount, is_booked)
    SELECT overlay_id, revision, fencing_token, call_number, budget_id, starts_at, amount, $1
    FROM {_CHARGE.unnest("charge", first=2)}
    JOIN budgets USING (budget_id)
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - the same


async def settle(connection: Connection, owner: str, charges: Sequence[Charge]) -> None:
    """Book the cost of calls of a process, in the transaction that ends their requests."""
    await connection.execute(_SETTLE, owner, *_CHARGE.arrays(charges))
    if unknown := [charge for charge in charges if not charge.is_known]:
        await connection.execute(_KEEP, True, *_CHARGE.arrays(unknown))  # noqa: FBT003 - a column's value


async def announce_call(connection: Connection, charges: Sequence[Charge]) -> None:
    """Record the worst case of a further call for a request, since other processes cannot know that it was made."""
    await connection.execute(_KEEP, False, *_CHARGE.arrays(charges))  # noqa: FBT003 - a column's value


# The budget's newest slice of the lost process; without one it had reserved nothing there, so it made no call. Nor did
# claimed requests that waited for their turn: together the calls took no more than what is left of the slice.
_BOOK_LOST = f"""
    WITH told AS (SELECT * FROM {_LOST.unnest("lost", first=1)}),
    slices AS (
        SELECT slice.owner, slice.budget_id, slice.starts_at, slice.drawn - slice.spent AS rest
        FROM budget_slices AS slice
        WHERE (slice.owner, slice.budget_id) IN (SELECT owner, budget_id FROM told)
        ORDER BY slice.owner, slice.budget_id, slice.starts_at
        FOR UPDATE OF slice
    ),
    newest AS (
        SELECT DISTINCT ON (owner, budget_id) * FROM slices ORDER BY owner, budget_id, starts_at DESC
    ),
    lost AS (SELECT told.*, newest.starts_at, newest.rest FROM told JOIN newest USING (owner, budget_id)),
    further AS (
        UPDATE budget_unsettled_calls AS unsettled
        SET is_booked = true
        FROM lost
        WHERE (unsettled.overlay_id, unsettled.revision, unsettled.fencing_token, unsettled.budget_id)
            = (lost.overlay_id, lost.revision, lost.fencing_token, lost.budget_id)
            AND NOT unsettled.is_booked
        RETURNING lost.owner, unsettled.budget_id, unsettled.starts_at, unsettled.amount
    ),
    first_calls AS (
        SELECT lost.*, greatest(0, least(amount, rest
            - coalesce((
                SELECT sum(further.amount) FROM further
                WHERE (further.owner, further.budget_id) = (lost.owner, lost.budget_id)), 0)
            - coalesce(sum(amount) OVER (
                PARTITION BY owner, budget_id ORDER BY overlay_id, revision
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))) AS at_most
        FROM lost
    ),
    kept AS (
        INSERT INTO budget_unsettled_calls (
            overlay_id, revision, fencing_token, call_number, budget_id, starts_at, amount, is_booked)
        SELECT overlay_id, revision, fencing_token, call_number, budget_id, starts_at, at_most, true FROM first_calls
        ON CONFLICT DO NOTHING
    ),
    sums AS (
        SELECT owner, budget_id, starts_at, sum(amount) AS amount
        FROM (
            SELECT owner, budget_id, starts_at, at_most AS amount FROM first_calls
            UNION ALL
            SELECT * FROM further) AS call
        GROUP BY owner, budget_id, starts_at
    )
    UPDATE budget_slices AS slice
    SET spent = slice.spent + sums.amount
    FROM sums
    WHERE (slice.owner, slice.budget_id, slice.starts_at) = (sums.owner, sums.budget_id, sums.starts_at)
"""  # noqa: S608 - the same


async def book_lost_calls(connection: Connection, lost: Sequence[LostCall]) -> None:
    """Book the calls of lost processes at their worst case, in the transaction that takes their requests over."""
    await connection.execute(_BOOK_LOST, *_LOST.arrays(lost))


_BOOK_FOUND = f"""
    WITH settled AS (
        DELETE FROM budget_unsettled_calls AS unsettled
        USING {_FOUND.unnest("found", first=1)}
        WHERE (unsettled.overlay_id, unsettled.revision) = (found.overlay_id, found.revision)
            AND unsettled.is_booked
            -- what is found is the newest completion: of an earlier call nothing more is known
            AND unsettled.call_number = (
                SELECT max(newest.call_number) FROM budget_unsettled_calls AS newest
                WHERE (newest.overlay_id, newest.revision) = (found.overlay_id, found.revision) AND newest.is_booked)
        RETURNING unsettled.budget_id, unsettled.starts_at, unsettled.amount, found.cost_usd, found.tokens
    ),
    sums AS (
        SELECT settled.budget_id, settled.starts_at, sum(
            settled.amount - coalesce(CASE WHEN budget.limit_usd IS NULL THEN tokens ELSE cost_usd END, amount)) AS less
        FROM settled
        JOIN budgets AS budget USING (budget_id)
        GROUP BY settled.budget_id, settled.starts_at
    )
    UPDATE budget_spending AS spending
    SET spent = spending.spent - sums.less
    FROM sums
    WHERE (spending.budget_id, spending.starts_at) = (sums.budget_id, sums.starts_at)
"""  # noqa: S608 - the same


async def book_found_calls(connection: Connection, found: Sequence[FoundCall]) -> None:
    """Book the real cost of calls that were booked at their worst case, since their completions were found."""
    await connection.execute(_BOOK_FOUND, *_FOUND.arrays(found))
