"""Budgets for the time of a test, and processes that spend them at hours of the test's choice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

from consumer.pipeline.budgets.keeper import BudgetKeeper
from consumer.pipeline.budgets.periods import span_at
from consumer.pipeline.budgets.reserving import Budgets
from consumer.telemetry.metrics import Metrics
from repository.budgets import all_budgets, open_period
from repository.operations.budget_changes import NewLimit, set_limits
from repository.pool import Pool, connection
from schemas.budget_period import BudgetPeriod

LEASE_S = 600.0
NOON = datetime(2026, 11, 27, 3, tzinfo=UTC)
"""Noon in Seoul."""
TENANT = "store-apparel-1"
"""Of the examples' events."""


def no_budgets() -> Budgets:
    """A process that knows of no budget, and needs no database to know it."""
    return Budgets(cast("Pool", None), "process-1", lease_s=60)


@dataclass
class Clock:
    """What a process takes for the time."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """The time."""
        return self.now


@dataclass
class Spender:
    """As much of a process as spends."""

    pool: Pool
    owner: str = "process-1"
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.budgets = Budgets(self.pool, self.owner, lease_s=LEASE_S, now=self.clock)
        self.keeper = BudgetKeeper(self.pool, self.budgets, Metrics())


async def set_budget(
    pool: Pool,
    *,
    tenant_id: str | None = TENANT,
    usd: str | None = None,
    tokens: int | None = None,
    period: BudgetPeriod = BudgetPeriod.DAY,
) -> int:
    """Set a limit, or take it away where none is given; gives how many requests that releases."""
    limit = NewLimit(
        period=period,
        in_tokens=tokens is not None,
        limit_usd=None if usd is None else Decimal(usd),
        limit_tokens=tokens,
    )
    async with connection(pool) as borrowed:
        return await set_limits(borrowed, tenant_id, [limit])


_BOOKED = """
    SELECT coalesce(sum(spending.spent), 0) + (SELECT coalesce(sum(spent), 0) FROM budget_slices)
    FROM budget_spending AS spending
"""


async def booked(pool: Pool) -> Decimal:
    """What is booked of all budgets in all periods."""
    return Decimal(await pool.fetchval(_BOOKED))


async def still_drawn(pool: Pool) -> Decimal:
    """What processes have in hand of all budgets, spent or not."""
    return Decimal(await pool.fetchval("SELECT coalesce(sum(drawn), 0) FROM budget_spending"))


async def held(pool: Pool) -> Sequence[UUID]:
    """The overlays whose requests are held, the oldest first."""
    rows = await pool.fetch("SELECT overlay_id FROM feed_requests WHERE state = 'held' ORDER BY created_at")
    return [row["overlay_id"] for row in rows]


async def open_today(pool: Pool, *, spent: str = "0", drawn: str = "0") -> None:
    """Have so much of all budgets spent, and drawn by others, in their current periods."""
    now = datetime.now(UTC)
    async with connection(pool) as borrowed:
        for budget in await all_budgets(borrowed):
            span = span_at(budget.period, ZoneInfo(budget.timezone), now)
            await open_period(borrowed, budget.budget_id, span.starts_at, span.ends_at)
        await borrowed.execute("UPDATE budget_spending SET spent = $1, drawn = $2", Decimal(spent), Decimal(drawn))
