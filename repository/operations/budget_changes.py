"""What operators do with budgets: set, remove, look at how they stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from repository.budgets import BUDGET_COLUMNS, BUDGETS, Budget, budget_of
from repository.held_requests import MOST_PER_RELEASE, release_of_budget
from repository.pool import Connection
from schemas.budget_period import BudgetPeriod


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLimit:
    """A limit for one period, in USD or in tokens; both None: there is to be none."""

    period: BudgetPeriod
    in_tokens: bool
    limit_usd: Decimal | None = None
    limit_tokens: int | None = None

    @property
    def is_none(self) -> bool:
        """Whether it takes a limit away."""
        return self.limit_usd is None and self.limit_tokens is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a budget stands in a period: in its unit, with the calls under way at their worst case as `reserved`."""

    budget: Budget
    starts_at: datetime | None
    ends_at: datetime | None
    spent: Decimal
    reserved: Decimal
    warned_percent: int
    held: int


_SET = """
    INSERT INTO budgets AS budget (tenant_id, period, limit_usd, limit_tokens) VALUES ($1, $2, $3, $4)
    ON CONFLICT (coalesce(tenant_id, ''), period, (limit_usd IS NULL)) DO UPDATE
    SET limit_usd = excluded.limit_usd, limit_tokens = excluded.limit_tokens, updated_at = now()
    RETURNING budget_id
"""
# A warning holds for the limit of its time.
_FORGET_WARNINGS = "UPDATE budget_spending SET warned_percent = 0 WHERE budget_id = $1 AND ends_at > now()"
_FIND = """
    SELECT budget_id FROM budgets
    WHERE tenant_id IS NOT DISTINCT FROM $1 AND period = $2 AND (limit_usd IS NULL) = $3
    FOR UPDATE
"""
_REMOVE = "DELETE FROM budgets WHERE budget_id = $1"


async def set_limits(connection: Connection, tenant_id: str | None, limits: Sequence[NewLimit]) -> int:
    """Set or take away limits of a tenant, or of all together. Returns how many held requests that releases."""
    released = 0
    async with connection.transaction():
        for limit in limits:
            if limit.is_none:
                released += await _take_away(connection, tenant_id, limit)
                continue
            budget_id = await connection.fetchval(_SET, tenant_id, limit.period, limit.limit_usd, limit.limit_tokens)
            await connection.execute(_FORGET_WARNINGS, budget_id)
            released += await _release(connection, budget_id)
    return released


async def _take_away(connection: Connection, tenant_id: str | None, limit: NewLimit) -> int:
    budget_id = await connection.fetchval(_FIND, tenant_id, limit.period, limit.in_tokens)
    if budget_id is None:
        return 0
    # what is about to be held for it waits for this transaction, and then finds it gone
    released = await _release(connection, budget_id)
    await connection.execute(_REMOVE, budget_id)
    return released


async def _release(connection: Connection, budget_id: UUID) -> int:
    released = 0
    while (some := await release_of_budget(connection, budget_id)) == MOST_PER_RELEASE:
        released += some
    return released + some


_STANDING = f"""
    SELECT {BUDGET_COLUMNS}, spending.starts_at, spending.ends_at,
        coalesce(spending.spent + sliced.spent, 0) AS spent,
        coalesce(spending.drawn - sliced.spent, 0) AS reserved,
        coalesce(spending.warned_percent, 0) AS warned_percent,
        (SELECT count(*) FROM feed_requests AS request
            WHERE request.state = 'held' AND request.held_budget_id = budget.budget_id) AS held
    FROM {BUDGETS}
    LEFT JOIN budget_spending AS spending ON spending.budget_id = budget.budget_id
        AND spending.ends_at > $1 AND spending.starts_at <= $2
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(slice.spent), 0) AS spent FROM budget_slices AS slice
        WHERE (slice.budget_id, slice.starts_at) = (spending.budget_id, spending.starts_at)) AS sliced ON true
    WHERE $3 OR budget.tenant_id IS NOT DISTINCT FROM $4
    ORDER BY budget.tenant_id NULLS FIRST, budget.period, budget.limit_usd IS NULL, spending.starts_at
"""  # noqa: S608 - constants


async def standings(
    connection: Connection, *, since: datetime, until: datetime, of_all: bool = True, tenant_id: str | None = None
) -> list[Standing]:
    """Return how budgets stand in the periods that touch this time: all, or one tenant's (None: of all together).

    A budget of which no such period was begun is there without one.
    """
    rows = await connection.fetch(_STANDING, since, until, of_all, tenant_id)
    return [
        Standing(
            budget=budget_of(dict(row)),
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            spent=row["spent"],
            reserved=row["reserved"],
            warned_percent=row["warned_percent"],
            held=row["held"],
        )
        for row in rows
    ]


_UNPRICED = """
    SELECT provider || '/' || model_name || coalesce('@' || model_version, '') AS full_name
    FROM llm_models AS model
    WHERE is_active = 'true' AND (prompt_token_cost_per_1m IS NULL OR completion_token_cost_per_1m IS NULL)
        AND (EXISTS (
                SELECT FROM unnest($1::text[]) AS used (name)
                WHERE used.name IN (
                    model_name, model_name || '@' || coalesce(model_version, ''), provider || '/' || model_name,
                    provider || '/' || model_name || '@' || coalesce(model_version, ''), llm_model_id::text))
            OR EXISTS (
                SELECT FROM experiment_variants AS variant
                JOIN experiments USING (experiment_id)
                WHERE variant.llm_model_id = model.llm_model_id AND experiments.state = 'running'))
    ORDER BY full_name
"""
_ANY_IN_USD = "SELECT EXISTS (SELECT FROM budgets WHERE limit_usd IS NOT NULL)"


async def unpriced_models(connection: Connection, names: Sequence[str]) -> list[str]:
    """Return which of the models with these names, and of those that running experiments use, have no price."""
    return [row["full_name"] for row in await connection.fetch(_UNPRICED, list(names))]


async def any_budget_in_usd(connection: Connection) -> bool:
    """Return whether there is a budget that needs prices."""
    return bool(await connection.fetchval(_ANY_IN_USD))
