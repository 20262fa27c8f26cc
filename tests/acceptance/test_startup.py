"""What is missing or wrong ends the program at once, with one line that says what to do."""

import asyncio
from collections.abc import Mapping

import pytest

from devstack.endpoints import Endpoints
from devstack.ports import free_port
from tests.support.consumer_process import start_command
from tests.support.environment import feed_environment, new_account
from tests.support.topics import unique_topics

API_KEY = "sk-not-to-be-printed"
DATABASE_PASSWORD = "db-not-to-be-printed"
SASL_PASSWORD = "sasl-not-to-be-printed"
SECRETS = {"OPENAI_API_KEY": API_KEY, "KAFKA_SASL_USERNAME": "feed", "KAFKA_SASL_PASSWORD": SASL_PASSWORD}


@pytest.fixture
def env(stack: Endpoints, database_url: str) -> dict[str, str]:
    """An environment that lacks nothing but topics."""
    return feed_environment(stack, database_url, unique_topics(), new_account(stack)) | SECRETS


async def ends(env: Mapping[str, str]) -> tuple[int, str]:
    """Run the consumer to its end; gives exit code and line, after a look at the whole output."""
    command = await start_command("run", env=env)
    code = await command.exit_code()
    output = "".join(command.lines)
    assert "Traceback" not in output
    for secret in (API_KEY, DATABASE_PASSWORD, SASL_PASSWORD):
        assert secret not in output
    told = [line for line in command.lines if not line.startswith("{")]
    assert len(told) == 1, output
    return code, told[0]


async def test_a_bad_setting_is_named_with_what_it_wants() -> None:
    unreadable = f"postgresql://feed:{DATABASE_PASSWORD}#@db/feeds"
    code, line = await ends({**SECRETS, "DATABASE_URL": unreadable, "MAX_HASHTAGS": API_KEY})
    assert code == 2
    for complaint in ("DATABASE_URL is invalid", "MAX_HASHTAGS is invalid", "KAFKA_BOOTSTRAP_SERVERS is missing"):
        assert complaint in line
    assert line.count("expected: ") == 3


async def test_what_is_missing_is_named_with_what_to_do(env: Mapping[str, str], empty_database_url: str) -> None:
    away = f"127.0.0.1:{free_port()}"
    endings = await asyncio.gather(
        ends({**env, "DATABASE_URL": empty_database_url}),
        ends(env),
        ends({**env, "LLM_MODEL": "gpt-unheard-of"}),
        ends({**env, "KAFKA_BOOTSTRAP_SERVERS": away}),
        ends({**env, "OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": API_KEY}),
    )
    assert [code for code, _ in endings] == [1, 1, 1, 1, 2]
    no_tables, no_topics, no_model, no_broker, no_key = (line for _, line in endings)
    assert "run `instagram-feed migrate`" in no_tables
    assert "run `instagram-feed topics create`" in no_topics
    assert no_model.startswith("instagram-feed: LLM_MODEL: ")
    assert no_broker.startswith(f"instagram-feed: KAFKA_BOOTSTRAP_SERVERS: {away}")
    assert no_key.startswith("instagram-feed: OPENAI_API_KEY is missing; openai/gpt-4o-mini@2024-07-18 is a model of")
