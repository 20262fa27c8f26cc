"""What the consumer cannot begin without is asked for in turn; the first that is missing is named."""

import asyncio
from collections.abc import Mapping

import asyncpg
import pytest

from consumer.errors import StartupError
from consumer.settings import SettingsError
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.ops_server import ops_server
from consumer.telemetry.readiness import Readiness
from consumer.telemetry.watchdog import Watchdog
from devstack.endpoints import Endpoints
from devstack.ports import free_port
from repository import migrations
from tests.support.application import application
from tests.support.databases import database_name
from tests.support.environment import feed_environment, new_account
from tests.support.ledger_rows import query
from tests.support.topics import unique_topics

ADD_FALLBACKS = """
    INSERT INTO llm_models (provider, model_name, is_active, shutdown_date)
    VALUES
        ('openai', 'asleep', 'false', NULL),
        ('openai', 'gone', 'true', '2026-01-01'),
        ('google', 'gemini', 'true', NULL)
"""
PASSWORD = "not-to-be-printed"


@pytest.fixture
def env(stack: Endpoints, database_url: str) -> dict[str, str]:
    """An environment that lacks nothing but topics."""
    return feed_environment(stack, database_url, unique_topics(), new_account(stack))


async def complaint(env: Mapping[str, str], **changes: str) -> str:
    """What is said when the consumer cannot begin."""
    with pytest.raises(StartupError) as caught:
        async with application(env, **changes):
            pass
    said = str(caught.value)
    assert PASSWORD not in said
    assert "\n" not in said
    return said


async def test_a_database_of_an_older_revision(env: Mapping[str, str]) -> None:
    await migrations.downgrade(env["DATABASE_URL"], "0001")
    said = await complaint(env)
    assert "at migration 0001" in said
    assert "run `instagram-feed migrate`" in said


async def test_a_database_of_a_newer_revision(env: Mapping[str, str]) -> None:
    connection = await asyncpg.connect(env["DATABASE_URL"])
    await connection.execute("UPDATE instagram_feed_migrations SET version_num = '9999'")
    await connection.close()
    said = await complaint(env)
    assert "at migration 9999" in said
    assert "start the newer version" in said


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE instagram_feeds ADD campaign TEXT NOT NULL", '"campaign" of relation "instagram_feeds"'),
        ("ALTER TABLE outbox_events RENAME TO theirs", '"outbox_events" does not exist'),
    ],
)
async def test_a_database_that_would_refuse_every_post(env: Mapping[str, str], change: str, named: str) -> None:
    await query(env["DATABASE_URL"], change)
    said = await complaint(env)
    assert said.startswith("the database would refuse every post: ")
    assert named in said


async def test_a_database_that_takes_no_changes(env: Mapping[str, str]) -> None:
    name = database_name(env["DATABASE_URL"])
    await query(env["DATABASE_URL"], f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "default_transaction_read_only=on" in await complaint(env)


async def test_a_parameter_of_the_url_that_nobody_knows(env: Mapping[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL has the parameter not_known, which the server refuses"):
        async with application(env, DATABASE_URL=f"{env['DATABASE_URL']}?not_known=1"):
            pass


async def test_a_database_that_is_away(env: Mapping[str, str]) -> None:
    away = f"postgresql://feed:{PASSWORD}@127.0.0.1:{free_port()}/feeds"
    assert (await complaint(env, DATABASE_URL=away)).startswith("DATABASE_URL: ")


async def test_a_password_that_the_database_refuses(env: Mapping[str, str]) -> None:
    server = env["DATABASE_URL"].rpartition("@")[2]
    said = await complaint(env, DATABASE_URL=f"postgresql://nobody-here:{PASSWORD}@{server}")
    assert said.startswith("DATABASE_URL: ")


async def test_a_broker_that_is_away(env: Mapping[str, str]) -> None:
    away = f"127.0.0.1:{free_port()}"
    assert (await complaint(env, KAFKA_BOOTSTRAP_SERVERS=away)).startswith(f"KAFKA_BOOTSTRAP_SERVERS: {away}")


async def test_a_broker_that_does_not_take_the_password(env: Mapping[str, str]) -> None:
    sasl = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_USERNAME": "feed", "KAFKA_SASL_PASSWORD": PASSWORD}
    assert (await complaint(env, **sasl)).startswith("KAFKA_BOOTSTRAP_SERVERS: ")


async def test_topics_that_are_missing(env: Mapping[str, str]) -> None:
    said = await complaint(env)
    needed = [name for name in env if name.endswith("_TOPIC") and name != "FEED_OUTCOME_TOPIC"]
    assert ", ".join(sorted(env[name] for name in needed)) in said
    assert "run `instagram-feed topics create`" in said


async def test_a_model_without_an_active_row(env: Mapping[str, str]) -> None:
    assert "'gpt-unheard-of'" in await complaint(env, LLM_MODEL="gpt-unheard-of")


async def test_a_port_that_is_taken() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(StartupError, match=f"OPS_HOST, OPS_PORT: cannot listen on 127.0.0.1:{port}"):
            async with ops_server(Metrics(), Readiness(), Watchdog(), host="127.0.0.1", port=port):
                pass


async def test_a_fallback_that_is_unknown_inactive_shut_down_or_the_preferred_one_itself(
    env: Mapping[str, str],
) -> None:
    await query(env["DATABASE_URL"], ADD_FALLBACKS)
    wrong = {
        "gpt-9": "LLM_FALLBACK_MODEL: llm_models has no model 'gpt-9'; active are: ",
        "asleep": "LLM_FALLBACK_MODEL: model 'asleep' is inactive: `instagram-feed models activate openai/asleep`",
        "gone": "LLM_FALLBACK_MODEL: openai/gone was shut down on 2026-01-01",
        "openai/gpt-4o-mini": "LLM_FALLBACK_MODEL: openai/gpt-4o-mini@2024-07-18 is LLM_MODEL itself",
    }
    for name, said in wrong.items():
        assert (await complaint(env, LLM_FALLBACK_MODEL=name)).startswith(said)


async def test_the_key_of_a_fallback_is_asked_for_before_the_broker(env: Mapping[str, str]) -> None:
    await query(env["DATABASE_URL"], ADD_FALLBACKS)
    with pytest.raises(
        SettingsError, match=r"^GOOGLE_API_KEY is missing; google/gemini is a model of provider google$"
    ):
        async with application(env, LLM_FALLBACK_MODEL="gemini", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1"):
            pass
