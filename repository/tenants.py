"""Tenants: their settings and their last posts."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from repository.pool import Connection
from schemas.delivery import RequestedDelivery
from schemas.quality import Sector


@dataclass(frozen=True, slots=True)
class TenantProfile:
    """A tenant's settings: for judging posts, its default delivery, and its share.

    `disclosure` is empty if there is none.
    """

    tenant_id: str
    disclosure: str = ""
    sector: Sector = "none"
    delivery: RequestedDelivery | None = None
    weight: float = 1.0
    max_in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class RecentPost:
    """The parts of a stored post needed for comparisons."""

    tenant_id: str
    overlay_id: UUID | None
    instagram_ad_copy: str
    hashtags: str
    store_information: str


_PROFILES = """
    SELECT tenant_id, coalesce(disclosure, '') AS disclosure, sector, delivery, weight, max_in_flight
    FROM tenants
    WHERE tenant_id = ANY ($1::text[])
"""


async def tenant_profiles(connection: Connection, tenant_ids: Collection[str]) -> dict[str, TenantProfile]:
    """Return the profiles of these tenants; without a row, the defaults."""
    rows = await connection.fetch(_PROFILES, list(tenant_ids))
    said = {row["tenant_id"]: TenantProfile(**row) for row in rows}
    return {tenant_id: said.get(tenant_id) or TenantProfile(tenant_id) for tenant_id in tenant_ids}


_RECENT_POSTS = """
    SELECT recent.*
    FROM unnest($1::text[]) AS wanted (tenant_id)
    CROSS JOIN LATERAL (
        SELECT tenant_id, overlay_id, instagram_ad_copy, hashtags, store_information
        FROM instagram_feeds AS feed
        WHERE feed.tenant_id = wanted.tenant_id
        ORDER BY created_at DESC
        LIMIT $2
    ) AS recent
"""


async def recent_posts(connection: Connection, tenant_ids: Collection[str], *, limit: int) -> list[RecentPost]:
    """Return the last posts of each of these tenants, at most `limit` each, the newest first."""
    rows = await connection.fetch(_RECENT_POSTS, list(tenant_ids), limit)
    return [RecentPost(**row) for row in rows]
