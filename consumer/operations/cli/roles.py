"""`instagram-feed roles`: the SQL for roles with least rights."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from consumer.operations.cli.database import APPLICATION_NAME, database_error
from consumer.operations.cli.errors import UsageError
from consumer.operations.cli.output import say
from consumer.settings import DatabaseSettings, load
from repository.errors import StoreError
from repository.operations.roles import ROLE_NAME, Roles, apply_roles, roles_sql
from repository.pool import open_session

Name = str | None


def roles(
    owner: Annotated[Name, typer.Option(metavar="ROLE", help="The role that migrates: may create tables.")] = None,
    app: Annotated[
        Name, typer.Option(metavar="ROLE", help="The role of the consumer and of replays: may not create tables.")
    ] = None,
    reports: Annotated[Name, typer.Option(metavar="ROLE", help="The role for reports: read only.")] = None,
    tenant: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=TENANT_ID", help="A role that sees the rows of a single tenant; repeatable."),
    ] = None,
    schema: Annotated[str, typer.Option(metavar="NAME", help="The schema of the tables.")] = "public",
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Execute it in DATABASE_URL, as an administrator.")] = False,
) -> None:
    """Print the SQL that creates roles with least rights, for a migrated database.

    Sets no passwords. It can be executed again, after a migration or for further tenants. --tenant enables row
    security: name --app and --reports as well, or they see no rows.

    Example: instagram-feed roles --app feed_app --reports feed_reports | psql "$ADMIN_URL"
    """
    wanted = Roles(owner=owner, app=app, reports=reports, tenants=_read_tenants(tenant or ()))
    _check(wanted, schema)
    if not apply:
        typer.echo(roles_sql(wanted, schema=schema), nl=False)
        return
    try:
        asyncio.run(_apply(load(DatabaseSettings).database_url.get_secret_value(), wanted, schema))
    except StoreError as error:
        raise database_error(error) from error
    say(f"done: {', '.join(wanted.names)}")


def _read_tenants(given: Sequence[str]) -> dict[str, str]:
    pairs = [entry.partition("=") for entry in given]
    if any(not role or not tenant_id for role, _, tenant_id in pairs):
        raise UsageError("--tenant: expected ROLE=TENANT_ID")
    return {role: tenant_id for role, _, tenant_id in pairs}


def _check(wanted: Roles, schema: str) -> None:
    if not wanted.names:
        raise UsageError("name at least one of --owner, --app, --reports, --tenant")
    for name in (*wanted.names, schema):
        if not ROLE_NAME.fullmatch(name):
            raise UsageError("a name of a role or schema: lower-case letters, digits and _, not beginning with a digit")
    if len(set(wanted.names)) < len(wanted.names):
        raise UsageError("each role needs a different name")
    if wanted.tenants and not wanted.app:
        raise UsageError("--tenant: name --app, too, or row security would hide all rows from the consumer")


async def _apply(database_url: str, wanted: Roles, schema: str) -> None:
    session = await open_session(database_url, application_name=APPLICATION_NAME)
    try:
        await apply_roles(session, wanted, schema=schema)
    finally:
        await session.close()
