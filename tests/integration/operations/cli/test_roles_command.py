"""`instagram-feed roles`: SQL to read, or executed; what cannot be is one line."""

from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.integration.operations.cli.conftest import Commands
from tests.support.ledger_rows import query
from tests.support.roles import url_of

INSERTS = """
    SELECT table_name FROM information_schema.role_table_grants WHERE grantee = $1 AND privilege_type = 'INSERT'
"""


async def test_the_sql_is_printed_and_needs_no_database(tmp_path: Path) -> None:
    commands = Commands({}, tmp_path)
    printed = await commands.run("roles", "--app", "feed_app", "--reports", "feed_reports", "--schema", "feeds")
    assert printed.exit_code == 0, printed.errors
    assert printed.output.startswith('BEGIN;\nSET LOCAL search_path TO "feeds";\n')
    assert printed.output.endswith("COMMIT;\n")
    assert "PASSWORD '" not in printed.output


async def test_with_apply_it_is_executed_again_and_again(commands: Commands, database_url: str) -> None:
    app, reader = f"app_{uuid4().hex[:8]}", f"tenant_{uuid4().hex[:8]}"
    try:
        for _ in range(2):
            done = await commands.run("roles", "--app", app, "--tenant", f"{reader}=o'neill", "--apply")
            assert done.exit_code == 0, done.errors
            assert done.output == f"done: {app}, {reader}\n"
        granted = {row["table_name"] for row in await query(database_url, INSERTS, app)}
        assert {"feed_requests", "instagram_feeds", "outbox_events"} <= granted
        assert "llm_models" not in granted
        assert await query(database_url, INSERTS, reader) == []
    finally:
        for role in (app, reader):
            await query(database_url, f"DROP OWNED BY {role}")
            await query(database_url, f"DROP ROLE {role}")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "name at least one of --owner, --app, --reports, --tenant"),
        (("--app", 'x"; DROP'), "a name of a role or schema"),
        (("--app", "a", "--reports", "a"), "each role needs a different name"),
        (("--tenant", "reader"), "--tenant: expected ROLE=TENANT_ID"),
        (("--tenant", "reader=shop"), "--tenant: name --app, too"),
    ],
)
async def test_what_cannot_be_meant_is_a_usage_error_in_one_line(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    refused = await Commands({}, tmp_path).run("roles", *options)
    assert refused.exit_code == 2
    assert said in refused.errors
    assert refused.errors.count("\n") == 1


async def test_in_a_database_without_tables_and_by_a_role_without_rights_one_line_says_so(
    commands: Commands, database_url: str, empty_database_url: str
) -> None:
    role = f"app_{uuid4().hex[:8]}"
    not_migrated = await commands.run("roles", "--app", role, "--apply", env={"DATABASE_URL": empty_database_url})
    assert not_migrated.exit_code == 1
    assert "`instagram-feed migrate`" in not_migrated.errors
    assert not await query(database_url, "SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    await query(database_url, f"CREATE ROLE {role} LOGIN PASSWORD 'made-up'")
    try:
        env = {"DATABASE_URL": url_of(database_url, role)}
        refused = await commands.run("roles", "--app", f"{role}_other", "--apply", env=env)
        assert refused.exit_code == 1
        assert "permission denied to create role" in refused.errors
        assert str(urlsplit(database_url).password) not in refused.errors
    finally:
        await query(database_url, f"DROP ROLE {role}")
