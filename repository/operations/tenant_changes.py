"""What operators say of tenants: looked at and changed.

Changes travel as one JSON object, so that a statement serves any selection of columns and leaves the others alone.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from repository.pool import Connection
from schemas.delivery import RequestedDelivery
from schemas.quality import Sector

DEFAULT_TIMEZONE = "Asia/Seoul"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One row of `tenants`; the defaults are those of a tenant without one."""

    tenant_id: str
    weight: float = 1.0
    max_in_flight: int | None = None
    delivery: RequestedDelivery | None = None
    timezone: str = DEFAULT_TIMEZONE
    disclosure: str | None = None
    sector: Sector = "none"


TenantChanges = Mapping[str, str | float | None]
"""New values by column; None empties a column."""

_COLUMNS = ", ".join(field.name for field in fields(Tenant))
_CHANGEABLE = ", ".join(field.name for field in fields(Tenant) if field.name != "tenant_id")

_LIST = f"SELECT {_COLUMNS} FROM tenants ORDER BY tenant_id"  # noqa: S608 - the names are those of the dataclass
_FIND = f"SELECT {_COLUMNS} FROM tenants WHERE tenant_id = $1"  # noqa: S608 - the same
_SET = f"""
    INSERT INTO tenants AS tenant ({_COLUMNS})
    SELECT {_COLUMNS} FROM jsonb_populate_record(NULL::tenants, $1::jsonb || $2::jsonb)
    ON CONFLICT (tenant_id) DO UPDATE
    SET ({_CHANGEABLE}) = (SELECT {_CHANGEABLE} FROM jsonb_populate_record(tenant, $2::jsonb))
    RETURNING {_COLUMNS}
"""  # noqa: S608 - the same


async def list_tenants(connection: Connection) -> list[Tenant]:
    """Return the tenants of which something has been said, by name."""
    return [Tenant(**row) for row in await connection.fetch(_LIST)]


async def find_tenant(connection: Connection, tenant_id: str) -> Tenant | None:
    """Return what has been said of a tenant; None if nothing has."""
    row = await connection.fetchrow(_FIND, tenant_id)
    return None if row is None else Tenant(**row)


async def set_tenant(connection: Connection, tenant_id: str, changes: TenantChanges) -> Tenant:
    """Change columns of a tenant; one of which nothing was said gets the defaults in the others."""
    defaults = json.dumps(asdict(Tenant(tenant_id=tenant_id)))
    [row] = await connection.fetch(_SET, defaults, json.dumps(dict(changes)))
    return Tenant(**row)
