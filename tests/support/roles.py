"""Roles with the least rights on a test's database, each with a password; gone at the end."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

from repository.operations.roles import Roles, apply_roles
from repository.pool import open_session
from tests.support.ledger_rows import query

PASSWORD = "made-up"


@dataclass(frozen=True, slots=True)
class RoleUrls:
    """The URL of the database for each role."""

    app: str
    reports: str
    tenants: Mapping[str, str]


@asynccontextmanager
async def least_roles(database_url: str, *tenants: str, schema: str = "public") -> AsyncIterator[RoleUrls]:
    """Roles for the application, for reports and for some tenants, for the time of a block."""
    mark = uuid4().hex[:8]
    of_tenants = {f"tenant_{number}_{mark}": tenant_id for number, tenant_id in enumerate(tenants)}
    roles = Roles(app=f"app_{mark}", reports=f"reports_{mark}", tenants=of_tenants)
    session = await open_session(database_url, application_name="tests")
    try:
        await apply_roles(session, roles, schema=schema)
        # before PostgreSQL 15 everybody may make tables there (docs/security.md)
        await session.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        for name in roles.names:
            await session.execute(f"ALTER ROLE {name} PASSWORD '{PASSWORD}'")
        yield RoleUrls(
            app=url_of(database_url, f"app_{mark}"),
            reports=url_of(database_url, f"reports_{mark}"),
            tenants={tenant_id: url_of(database_url, name) for name, tenant_id in of_tenants.items()},
        )
    finally:
        for name in roles.names:
            await query(database_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", name)
            await session.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
        await session.close()


def url_of(database_url: str, role: str, password: str = PASSWORD) -> str:
    """The URL for another role."""
    parts = urlsplit(database_url)
    return parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}").geturl()
