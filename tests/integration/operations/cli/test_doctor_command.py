from typing import Any

import asyncpg
import pytest

from tests.integration.operations.cli.conftest import Commands, Database, Finished
from tests.support.databases import database_name
from tests.support.transaction_pooler import transaction_pooler

pytestmark = pytest.mark.usefixtures("topics")

ALL_CHECKS = ["settings", "broker", "topics", "offsets", "database", "schema", "losses", "model", "prompt", "llm"]
LASTING = {"LLM_MODEL": "gpt-6-luna"}


def check(done: Finished, name: str) -> dict[str, Any]:
    return next(finding for finding in done.document["checks"] if finding["check"] == name)


def failed(done: Finished) -> list[str]:
    return [finding["check"] for finding in done.document["checks"] if finding["status"] == "failed"]


async def test_a_complete_environment_is_healthy_even_if_something_is_to_be_warned_of(commands: Commands) -> None:
    done = await commands.run("doctor", env=LASTING)

    # the topics of a test take no large records
    signs = {name: "!" if name == "topics" else "✓" for name in ALL_CHECKS}
    assert done.exit_code == 0, done.output
    assert {line.split()[1]: line.split()[0] for line in done.output.splitlines()} == signs
    assert "max.message.bytes" in done.output


async def test_a_dead_broker_does_not_hide_what_is_right(commands: Commands) -> None:
    done = await commands.run("doctor", "--json", env=LASTING | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})

    assert (done.exit_code, done.document["healthy"]) == (1, False)
    statuses = {finding["check"]: finding["status"] for finding in done.document["checks"]}
    assert statuses == dict.fromkeys(ALL_CHECKS, "ok") | {"broker": "failed", "topics": "skipped", "offsets": "skipped"}


async def test_everything_that_is_wrong_is_told_at_once_with_what_to_do(commands: Commands) -> None:
    wrong = {
        "FEED_FAILED_TOPIC": "nobody.made.it",
        "DATABASE_URL": "postgresql://feed:s3cr3t@127.0.0.1:1/feeds",
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
    }

    done = await commands.run("doctor", "--json", env=wrong)

    assert (done.exit_code, failed(done)) == (1, ["topics", "database", "llm"])
    assert "instagram-feed topics create" in check(done, "topics")["advice"]
    assert check(done, "topics")["runbook"] == "docs/runbook.md#doctor_topics"
    assert "DATABASE_URL" in check(done, "database")["advice"]
    assert "OPENAI_BASE_URL" in check(done, "llm")["advice"]
    assert "s3cr3t" not in done.output + done.errors


async def test_an_unknown_model_fails_in_the_table_and_at_the_endpoint(commands: Commands) -> None:
    done = await commands.run("doctor", "--json", env={"LLM_MODEL": "gpt-unheard-of"})

    assert failed(done) == ["model", "llm"]
    assert LASTING["LLM_MODEL"] in check(done, "model")["detail"]


async def test_a_database_that_was_never_migrated_is_told_from_one_that_is_away(
    commands: Commands, empty_database_url: str
) -> None:
    done = await commands.run("doctor", "--json", env={"DATABASE_URL": empty_database_url})

    assert failed(done) == ["schema"]
    assert "instagram-feed migrate" in check(done, "schema")["advice"]
    assert check(done, "model")["status"] == "skipped"


async def test_a_model_that_was_shut_down_fails(commands: Commands) -> None:
    connection = await asyncpg.connect(commands.env["DATABASE_URL"])
    await connection.execute("UPDATE llm_models SET shutdown_date = current_date - 1")
    await connection.close()

    done = await commands.run("doctor", "--json")

    assert (done.exit_code, failed(done)) == (1, ["model"])


async def test_missing_settings_are_named_and_the_rest_is_still_checked(commands: Commands) -> None:
    done = await commands.run("doctor", "--json", env={"OPENAI_API_KEY": ""})

    assert failed(done) == ["settings"]
    assert "OPENAI_API_KEY is missing" in check(done, "settings")["detail"]
    assert check(done, "broker")["status"] == "ok"
    assert check(done, "llm")["status"] == "skipped"


async def test_a_fallback_is_examined_at_its_own_provider(commands: Commands) -> None:
    connection = await asyncpg.connect(commands.env["DATABASE_URL"])
    await connection.execute("INSERT INTO llm_models (provider, model_name) VALUES ('anthropic', 'claude-haiku-5-5')")
    await connection.close()
    fallback = LASTING | {"LLM_FALLBACK_MODEL": "claude-haiku-5-5"}
    claude = {"ANTHROPIC_API_KEY": "sk-ant", "ANTHROPIC_BASE_URL": commands.env["OPENAI_BASE_URL"]}

    without_key = await commands.run("doctor", "--json", env=fallback)
    with_key = await commands.run("doctor", "--json", env=fallback | claude)

    assert failed(without_key) == ["fallback llm"]
    assert "ANTHROPIC_API_KEY is missing" in check(without_key, "fallback llm")["detail"]
    assert check(with_key, "fallback llm")["status"] == "ok"
    assert "has no price" in check(with_key, "fallback model")["detail"]


async def test_skipped_events_are_told_with_their_types_and_places(commands: Commands, database: Database) -> None:
    await database.connection.execute(
        "INSERT INTO feed_ignored_events (day, event_type, records, last_topic, last_partition, last_offset,"
        " last_seen_at) VALUES (current_date, 'overlay.started', 12, 'overlay.completed', 3, 41, now())"
    )
    done = await commands.run("doctor", "--json", env=LASTING)
    finding = check(done, "events")
    assert (done.exit_code, finding["status"]) == (0, "warning")
    assert "12 of overlay.started (last overlay.completed/3/41)" in finding["detail"]
    assert "OVERLAY_EVENT_TYPES" in finding["advice"]
    report = await commands.run("report", "ignored", "--json")
    assert [(row["event_type"], row["records"]) for row in report.document["rows"]] == [("overlay.started", 12)]


async def altered(commands: Commands, statement: str) -> None:
    """Change the test's own database as somebody else would."""
    connection = await asyncpg.connect(commands.env["DATABASE_URL"])
    await connection.execute(statement)
    await connection.close()


async def test_what_would_refuse_every_post_fails_with_its_column(commands: Commands) -> None:
    await altered(commands, "ALTER TABLE instagram_feeds ADD campaign TEXT NOT NULL")

    done = await commands.run("doctor", "--json", env=LASTING)

    assert failed(done) == ["schema"]
    assert 'column "campaign" of relation "instagram_feeds"' in check(done, "schema")["detail"]


async def test_upstreams_columns_that_nobody_here_fills_are_a_warning(commands: Commands) -> None:
    await altered(commands, "ALTER TABLE overlay_layouts ADD layout JSONB NOT NULL")

    done = await commands.run("doctor", "--json", env=LASTING)

    assert done.exit_code == 0
    assert check(done, "schema")["status"] == "warning"
    assert "overlay_layouts.layout must not be NULL" in check(done, "schema")["detail"]


async def test_a_pooler_is_named_with_the_setting(commands: Commands) -> None:
    async with transaction_pooler(commands.env["DATABASE_URL"]) as url:
        found = await commands.run("doctor", "--json", env=LASTING | {"DATABASE_URL": url})
        denied = await commands.run("doctor", "--json", env=LASTING | {"DATABASE_URL": url, "DATABASE_POOLER": "none"})

    assert "behind a pooler" in check(found, "database")["detail"]
    assert "DATABASE_POOLER=auto" in check(found, "database")["detail"]
    assert (check(denied, "database")["status"], denied.exit_code) == ("warning", 0)


async def test_a_database_that_takes_no_changes_is_read_and_reported_on_but_not_run_on(commands: Commands) -> None:
    name = database_name(commands.env["DATABASE_URL"])
    await altered(commands, f"ALTER DATABASE {name} SET default_transaction_read_only = on")

    for arguments in (["feeds", "list"], ["requests", "list"], ["report", "tokens"], ["models", "list"]):
        done = await commands.run(*arguments, "--json")
        assert done.exit_code == 0, done.errors
    doctor = await commands.run("doctor", "--json", env=LASTING)
    assert failed(doctor) == ["schema"]
    assert "default_transaction_read_only=on" in check(doctor, "schema")["detail"]
    run = await commands.run("run")
    assert (run.exit_code, run.errors.count("\n")) == (1, 1)
    assert "default_transaction_read_only=on" in run.errors
    changed = await commands.run("models", "deactivate", "gpt-6-luna")
    assert (changed.exit_code, changed.errors.count("\n")) == (1, 1)
    assert "read-only transaction" in changed.errors


async def test_a_parameter_of_the_url_that_cannot_be_had_is_named_by_every_command(commands: Commands) -> None:
    url = commands.env["DATABASE_URL"]
    for query, named in (("gssencmode=require", "gssencmode"), ("not_known=1", "not_known")):
        for command in (["migrate"], ["feeds", "list"], ["run"]):
            done = await commands.run(*command, env={"DATABASE_URL": f"{url}?{query}"})
            assert (done.exit_code, done.errors.count("\n")) == (2, 1), done.errors
            assert f"the parameter {named}" in done.errors
            assert "is it migrated" not in done.errors


async def test_a_hosted_databases_url_works_as_given(commands: Commands) -> None:
    given = (
        "sslmode=prefer&channel_binding=prefer&connect_timeout=10&keepalives=1&keepalives_idle=30&gssencmode=disable"
    )
    url = f"{commands.env['DATABASE_URL']}?{given}&application_name=feeds&target_session_attrs=read-write"
    for command in (["migrate"], ["feeds", "list"], ["doctor"]):
        done = await commands.run(*command, env=LASTING | {"DATABASE_URL": url})
        assert done.exit_code == 0, done.errors
