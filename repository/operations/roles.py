"""Roles with the least rights, as SQL that an administrator reads and executes: owner, application, reports, tenants.

It can be executed again: after a migration, or with further tenants. No password is set.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from repository.connecting import Session
from repository.errors import translated
from repository.rights import OF_TENANTS, READABLE, REPLAYS, SERVICE, UPSTREAM_ROWS

ROLE_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_SEQUENCE: Final = "instagram_feeds_pk_seq"


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of the roles to be; those of `tenants` see the rows of one tenant_id each.

    `owner` is who migrates. Each name must match `ROLE_NAME`.
    """

    owner: str | None = None
    app: str | None = None
    reports: str | None = None
    tenants: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [name for name in (self.owner, self.app, self.reports, *self.tenants) if name]


def roles_sql(roles: Roles, *, schema: str) -> str:
    """Return the statements, in one transaction; they are for a database that is migrated, and say so to another."""
    lines = ["BEGIN;", f"SET LOCAL search_path TO {_quoted(schema)};", "", *_creations(roles, schema)]
    if roles.owner:
        lines += ["", *_of_owner(roles.owner, schema)]
    if roles.app:
        lines += ["", *_of_app(roles.app)]
    if roles.reports:
        lines += ["", f"-- {roles.reports}: reads, for reports", _grant(("SELECT",), READABLE, roles.reports)]
    if roles.tenants:
        lines += ["", *_of_tenants(roles)]
    return "\n".join([*lines, "COMMIT;", ""])


async def apply_roles(session: Session, roles: Roles, *, schema: str) -> None:
    """Execute the statements.

    Raises:
        StoreError: the role that is logged in may not, or the database is not migrated; nothing is changed then.
    """
    with translated():
        await session.execute(roles_sql(roles, schema=schema))


def _creations(roles: Roles, schema: str) -> Iterator[str]:
    yield "-- roles that are not there yet; give them passwords yourself: ALTER ROLE … PASSWORD, or \\password in psql"
    for name in roles.names:
        yield (
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {_literal(name)}) THEN "
            f"CREATE ROLE {_quoted(name)} LOGIN; END IF; END $$;"
        )
    yield f"GRANT USAGE ON SCHEMA {_quoted(schema)} TO {', '.join(map(_quoted, roles.names))};"


def _of_owner(owner: str, schema: str) -> Iterator[str]:
    yield f"-- {owner}: makes and changes tables (`migrate`)"
    yield f"GRANT CREATE ON SCHEMA {_quoted(schema)} TO {_quoted(owner)};"


def _of_app(app: str) -> Iterator[str]:
    yield f"-- {app}: `run` and `replay`; makes and changes no table"
    by_rights: dict[tuple[str, ...], list[str]] = {}
    for table, rights in (*SERVICE.items(), *REPLAYS.items(), *UPSTREAM_ROWS.items()):
        by_rights.setdefault(rights, []).append(table)
    for rights, tables in by_rights.items():
        yield _grant(rights, tables, app)
    yield f"GRANT USAGE ON SEQUENCE {_SEQUENCE} TO {_quoted(app)};"


def _of_tenants(roles: Roles) -> Iterator[str]:
    yield "-- row security: a tenant's role sees the rows of its tenant, whatever it sets in its session"
    for table in OF_TENANTS:
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
        for name in filter(None, (roles.app, roles.reports)):
            yield from _policy(table, name, "true", commands="ALL" if name == roles.app else "SELECT")
        for name, tenant_id in roles.tenants.items():
            yield from _policy(table, name, f"tenant_id = {_literal(tenant_id)}", commands="SELECT")
    for name in roles.tenants:
        yield _grant(("SELECT",), OF_TENANTS, name)


def _policy(table: str, role: str, condition: str, *, commands: str) -> Iterator[str]:
    name = _quoted(f"rows_of_{role}"[:63])
    yield f"DROP POLICY IF EXISTS {name} ON {table};"
    yield f"CREATE POLICY {name} ON {table} FOR {commands} TO {_quoted(role)} USING ({condition});"


def _grant(rights: tuple[str, ...], tables: "tuple[str, ...] | list[str]", role: str) -> str:
    return f"GRANT {', '.join(rights)} ON {', '.join(tables)} TO {_quoted(role)};"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
