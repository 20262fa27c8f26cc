"""Budgets: opened for a period, drawn in slices, returned, settled. Amounts are USD or tokens.

The spending of a period is `budget_spending.spent` plus what its slices have spent; the limit minus spent and drawn
amounts may be drawn. `budget_spending` is locked before `budget_slices`, in the order of budgets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from repository.columns import Columns
from repository.pool import Connection
from schemas.budget_period import BudgetPeriod

DEFAULT_TIMEZONE = "Asia/Seoul"
"""The default, also for the budgets for all tenants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limit of a tenant, or of all together (`tenant_id` None), in a period: USD or tokens."""

    budget_id: UUID
    tenant_id: str | None
    period: BudgetPeriod
    limit_usd: Decimal | None
    limit_tokens: int | None
    timezone: str = DEFAULT_TIMEZONE

    @property
    def limit(self) -> Decimal:
        """The limit in the budget's unit."""
        return Decimal(self.limit_tokens or 0) if self.limit_usd is None else self.limit_usd

    @property
    def in_words(self) -> str:
        """The limit in words, such as `5 USD a day`."""
        amount = f"{self.limit_tokens} tokens" if self.limit_usd is None else f"{self.limit_usd:f} USD"
        return f"{amount} a {self.period}"


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


BUDGET_COLUMNS = f"""
    budget.budget_id, budget.tenant_id, budget.period, budget.limit_usd, budget.limit_tokens,
    coalesce(tenant.timezone, '{DEFAULT_TIMEZONE}') AS timezone
"""
BUDGETS = "budgets AS budget LEFT JOIN tenants AS tenant ON tenant.tenant_id = budget.tenant_id"
_ALL = f"SELECT {BUDGET_COLUMNS} FROM {BUDGETS} ORDER BY budget.tenant_id NULLS FIRST, budget.period"  # noqa: S608 - a constant


def budget_of(row: dict[str, object]) -> Budget:
    """Read the columns of BUDGET_COLUMNS."""
    values = {name: row[name] for name in Budget.__slots__}
    return Budget(**{**values, "period": BudgetPeriod(str(row["period"]))})  # type: ignore[arg-type]


async def all_budgets(connection: Connection) -> list[Budget]:
    """Return every budget, those of all tenants first."""
    return [budget_of(dict(row)) for row in await connection.fetch(_ALL)]


# If the previous period was tracked to its end, nothing of this one is spent. Otherwise the ledger tells what was: for
# # unfinished requests including the calls of earlier days, so that it is never too little.
_OPEN = """
    INSERT INTO budget_spending (budget_id, starts_at, ends_at, spent)
    SELECT budget.budget_id, $2, $3, CASE
        WHEN EXISTS (SELECT FROM budget_spending WHERE budget_id = $1 AND ends_at = $2) THEN 0
        ELSE (
            SELECT coalesce(sum(CASE WHEN budget.limit_usd IS NULL
                THEN request.prompt_tokens + request.completion_tokens ELSE request.cost_usd END), 0)
            FROM (
                SELECT overlay_id, revision FROM instagram_feeds WHERE created_at >= $2
                UNION
                SELECT overlay_id, revision FROM feed_requests WHERE state = 'failed' AND finished_at >= $2
                UNION
                SELECT overlay_id, revision FROM feed_requests WHERE state NOT IN ('done', 'failed')) AS recent
            JOIN feed_requests AS request USING (overlay_id, revision)
            WHERE budget.tenant_id IS NULL OR request.tenant_id = budget.tenant_id)
        END
    FROM budgets AS budget
    WHERE budget.budget_id = $1
        AND NOT EXISTS (SELECT FROM budget_spending WHERE budget_id = $1 AND starts_at = $2)
    ON CONFLICT (budget_id, starts_at) DO NOTHING
"""


async def open_period(connection: Connection, budget_id: UUID, starts_at: datetime, ends_at: datetime) -> None:
    """Open a period of a budget, unless it is open, with what was already spent in it according to the ledger."""
    await connection.execute(_OPEN, budget_id, starts_at, ends_at)


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
    """Do the same for lost processes whose requests have all been taken over. Returns how many slices."""
    return sum(row[0] for row in await connection.fetch(_CLOSE_LOST))


_WARN = """
    WITH standing AS (
        SELECT spending.budget_id, spending.starts_at, (spending.spent + coalesce(sum(slice.spent), 0)) * 100
            / nullif(coalesce(budget.limit_usd, budget.limit_tokens), 0) AS percent
        FROM budget_spending AS spending
        JOIN budgets AS budget USING (budget_id)
        LEFT JOIN budget_slices AS slice USING (budget_id, starts_at)
        WHERE spending.starts_at <= $1 AND $1 < spending.ends_at
        GROUP BY spending.budget_id, spending.starts_at, budget.budget_id
    )
    UPDATE budget_spending AS spending
    SET warned_percent = level.percent
    FROM standing, (VALUES (80), (100)) AS level (percent)
    WHERE (spending.budget_id, spending.starts_at) = (standing.budget_id, standing.starts_at)
        AND spending.warned_percent < level.percent
        AND standing.percent >= level.percent AND (level.percent = 100 OR standing.percent < 100)
    RETURNING spending.budget_id, level.percent
"""
_SPENT = """
    UPDATE budget_spending SET warned_percent = 100
    WHERE budget_id = $1 AND starts_at = $2 AND warned_percent < 100
    RETURNING true
"""


async def note_warnings(connection: Connection, at: datetime) -> list[tuple[UUID, int]]:
    """Return the budgets that reached 80 or 100 percent in this period; each is returned once, to one process."""
    return [(row[0], row[1]) for row in await connection.fetch(_WARN, at)]


async def note_spent(connection: Connection, budget_id: UUID, starts_at: datetime) -> bool:
    """Record that a call no longer fit. Returns whether this is the first time."""
    return bool(await connection.fetchval(_SPENT, budget_id, starts_at))


_LEVELS = """
    SELECT count(*) FILTER (WHERE warned_percent >= 80), count(*) FILTER (WHERE warned_percent >= 100)
    FROM budget_spending WHERE starts_at <= $1 AND $1 < ends_at
"""


async def warned_budgets(connection: Connection, at: datetime) -> tuple[int, int]:
    """Return how many budgets have reached 80 and 100 percent in their current periods."""
    row = await connection.fetchrow(_LEVELS, at)
    return (row[0], row[1]) if row else (0, 0)
