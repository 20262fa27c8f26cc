from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from consumer.kafka.topics import MAX_RECORD_BYTES
from devstack.endpoints import Endpoints
from tests.integration.operations.cli.conftest import Commands
from tests.support.topics import Topics, unique_topics


@pytest.fixture
async def admin(stack: Endpoints) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def absent(admin: AIOKafkaAdminClient) -> AsyncIterator[Topics]:
    """Names of topics that do not exist; what was created of them is deleted."""
    names = unique_topics()
    yield names
    await admin.delete_topics([name for name in names if name in await admin.list_topics()])


async def configs(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    entries = answer.to_object()["resources"][0]["config_entries"]
    return {entry["config_names"]: entry["config_value"] for entry in entries}


async def test_missing_topics_are_created_as_asked(
    commands: Commands, admin: AIOKafkaAdminClient, absent: Topics
) -> None:
    done = await commands.run(
        *("topics", "create", "--partitions", "3", "--retention-hours", "24", "--json"), env=absent.environment()
    )

    assert [(topic["name"], topic["state"]) for topic in done.document["topics"]] == [
        (name, "created") for name in absent
    ]
    described = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(list(absent))}
    assert described == dict.fromkeys(absent, 3)
    dead_letter_configs = await configs(admin, absent.dead_letter)
    assert dead_letter_configs["retention.ms"] == "86400000"
    assert dead_letter_configs["max.message.bytes"] == str(MAX_RECORD_BYTES)


async def test_existing_topics_are_left_as_they_are_and_that_is_said(commands: Commands, topics: Topics) -> None:
    done = await commands.run("topics", "create", "--partitions", "9")

    assert done.exit_code == 0
    assert done.output.count("exists, left as it is") == len(topics)
    assert "9" not in {line.split()[-2] for line in done.output.splitlines()[1:]}


async def test_a_dry_run_creates_nothing(commands: Commands, admin: AIOKafkaAdminClient, absent: Topics) -> None:
    done = await commands.run("topics", "create", "--dry-run", env=absent.environment())

    assert done.output.count("would be created") == len(absent)
    assert set(absent).isdisjoint(await admin.list_topics())


async def test_what_the_broker_refuses_is_told_in_one_line(commands: Commands, absent: Topics) -> None:
    done = await commands.run("topics", "create", "--replication", "7", env=absent.environment())

    assert (done.exit_code, done.output) == (1, "")
    assert len(done.errors.splitlines()) == 1
    assert "replicat" in done.errors.lower()


async def test_a_broker_that_is_away_is_told_in_one_line(commands: Commands) -> None:
    done = await commands.run("topics", "create", "--json", env={"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})

    assert (done.exit_code, done.output) == (1, "")
    assert (
        done.errors
        == "instagram-feed: KAFKA_BOOTSTRAP_SERVERS: 127.0.0.1:1 refuses connections: nothing listens there\n"
    )
