"""What the arms of an experiment spent, for what they brought."""

from dataclasses import dataclass
from uuid import UUID

from repository.operations.experiment_figures import OVERLAYS, SPENT
from repository.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSpending:
    """What a variant's decided overlays of one tenant cost, those without a post included; in USD.

    An overlay of which a call's cost is not known is not among them.
    """

    variant: str
    tenant_id: str
    decided: int
    stored: int
    total: float
    squares: float
    total_of_stored: float


_SPENDING = f"""
    WITH {OVERLAYS}, {SPENT}
    SELECT variant, tenant_id,
        count(*) AS decided,
        count(*) FILTER (WHERE is_stored) AS stored,
        sum(cost_usd) AS total,
        sum(cost_usd * cost_usd) AS squares,
        coalesce(sum(cost_usd) FILTER (WHERE is_stored), 0) AS total_of_stored
    FROM spent
    JOIN counted USING (overlay_id)
    GROUP BY variant, tenant_id
    ORDER BY variant, tenant_id
"""  # noqa: S608 - all parts are constants


async def arm_spending(connection: Connection, experiment_id: UUID) -> list[ArmSpending]:
    """Return what the decided overlays of each variant and tenant cost."""
    return [ArmSpending(**dict(row)) for row in await connection.fetch(_SPENDING, experiment_id)]
