"""Budgets, their periods, and warnings about them. Amounts are USD or tokens.

The spending of a period is `budget_spending.spent` plus what its slices have spent (`repository.budget_slices`).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

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
# unfinished requests including the calls of earlier days, so that it is never too little.
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
