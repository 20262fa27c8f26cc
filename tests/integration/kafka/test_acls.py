"""The least ACLs are enough; one that is missing is named by resource and operation, and makes nothing spin."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.integration.operations.cli.conftest import Commands
from tests.support.acls import DESCRIBE, READ, WRITE, Kind
from tests.support.consumer_process import running_consumer
from tests.support.guarded_broker import GuardedBroker
from tests.support.kafka_connections import complaint
from tests.support.kafka_records import encoded, overlay_event
from tests.support.waiting import eventually

COUNTED_S = 4.0


async def test_topics_that_the_acls_hide_are_not_called_missing(
    guarded_env: Mapping[str, str], broker: GuardedBroker
) -> None:
    await broker.hide("topic", guarded_env["OVERLAY_COMPLETED_TOPIC"])
    said = await complaint(guarded_env)
    assert guarded_env["OVERLAY_COMPLETED_TOPIC"] in said
    assert "ACLs" in said
    assert "topics create" not in said


async def test_a_group_that_the_acls_hide_is_named(guarded_env: Mapping[str, str], broker: GuardedBroker) -> None:
    await broker.hide("group", guarded_env["KAFKA_GROUP_ID"])
    said = await complaint(guarded_env)
    assert said.startswith("KAFKA_GROUP_ID: ")
    assert guarded_env["KAFKA_GROUP_ID"] in said


LEAST_RIGHTS = {
    "OVERLAY_COMPLETED_TOPIC": READ,
    "FEED_CREATED_TOPIC": WRITE,
    "FEED_FAILED_TOPIC": WRITE,
    "DEAD_LETTER_TOPIC": WRITE,
    "FEED_OUTCOME_TOPIC": READ,
    "KAFKA_GROUP_ID": READ,
}


async def allow_least(broker: GuardedBroker, env: Mapping[str, str], *, but: str | None = None) -> None:
    """The ACLs that docs/security.md lists; for one of them only Describe."""
    for variable, operation in LEAST_RIGHTS.items():
        kind: Kind = "group" if variable == "KAFKA_GROUP_ID" else "topic"
        await broker.allow(kind, env[variable], DESCRIBE if variable == but else operation)


async def test_the_least_acls_are_enough_to_write_posts_and_dead_letters(
    guarded_env: Mapping[str, str], broker: GuardedBroker
) -> None:
    await allow_least(broker, guarded_env)
    producer = AIOKafkaProducer(bootstrap_servers=broker.address("PLAINTEXT"))
    await producer.start()
    async with running_consumer(guarded_env) as consumer:
        event = overlay_event()
        for value in (encoded(event), b"not json"):
            await producer.send_and_wait(guarded_env["OVERLAY_COMPLETED_TOPIC"], value)
        reader = AIOKafkaConsumer(
            guarded_env["FEED_CREATED_TOPIC"],
            guarded_env["DEAD_LETTER_TOPIC"],
            bootstrap_servers=broker.address("PLAINTEXT"),
            auto_offset_reset="earliest",
        )
        await reader.start()
        async with asyncio.timeout(20):
            assert {(await reader.getone()).topic for _ in range(2)} == {
                guarded_env["FEED_CREATED_TOPIC"],
                guarded_env["DEAD_LETTER_TOPIC"],
            }
        await reader.stop()
        await producer.stop()
        assert await consumer.stop() == 0
        assert not consumer.events("commit.failed")
        assert not consumer.events("outcomes.no_topic")


@pytest.mark.parametrize("variable", [name for name in LEAST_RIGHTS if name != "FEED_OUTCOME_TOPIC"])
async def test_an_acl_that_is_missing_is_named_by_topic_and_operation(
    guarded_env: Mapping[str, str], broker: GuardedBroker, variable: str
) -> None:
    await allow_least(broker, guarded_env, but=variable)
    kind = "group" if variable == "KAFKA_GROUP_ID" else "topic"
    operation = "Write" if LEAST_RIGHTS[variable] == WRITE else "Read"
    said = f"the broker's ACLs do not give this user {operation} on {kind} {guarded_env[variable]}"
    assert (await complaint(guarded_env)).endswith(said)


async def test_a_missing_acl_for_outcomes_is_told_and_stops_nothing(
    guarded_env: Mapping[str, str], broker: GuardedBroker
) -> None:
    await allow_least(broker, guarded_env, but="FEED_OUTCOME_TOPIC")
    async with running_consumer(guarded_env) as consumer:
        [told] = consumer.events("outcomes.no_topic")
        assert told["error"] == f"Read on topic {guarded_env['FEED_OUTCOME_TOPIC']}"
        assert await consumer.stop() == 0


async def test_doctor_names_the_operation_and_the_topic(
    guarded_env: Mapping[str, str], broker: GuardedBroker, tmp_path: Path
) -> None:
    await allow_least(broker, guarded_env, but="DEAD_LETTER_TOPIC")
    told = await Commands(guarded_env, tmp_path).run("doctor", "--json")
    assert f"the broker's ACLs do not give this user Write on topic {guarded_env['DEAD_LETTER_TOPIC']}" in told.output


async def test_rights_taken_away_while_running_bring_a_few_lines_not_thousands(
    guarded_env: Mapping[str, str], broker: GuardedBroker
) -> None:
    async with running_consumer(guarded_env) as consumer:
        await eventually(lambda: consumer.events("partitions.assigned"), 20)
        await broker.hide("group", guarded_env["KAFKA_GROUP_ID"])
        await broker.hide("topic", guarded_env["OVERLAY_COMPLETED_TOPIC"])
        await eventually(lambda: consumer.events("intake.undone"), 20)
        lines, began_s = len(consumer.lines), time.monotonic()
        await eventually(lambda: time.monotonic() > began_s + COUNTED_S, 2 * COUNTED_S)
        assert len(consumer.lines) - lines < 5 * COUNTED_S
        assert await consumer.ready_status() == 503
        assert await consumer.stop() == 0
