"""A bad deploy upstream must not empty the topic into the dead letters."""

from collections.abc import Mapping

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from devstack.endpoints import Endpoints
from tests.support.consumer_process import start_command
from tests.support.kafka_records import encoded, overlay_event, read_all, send
from tests.support.topics import Topics


@pytest.mark.partitions(1)
async def test_too_many_invalid_events_in_a_row_end_the_program_and_stay_where_they_are(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics
) -> None:
    invalid = [encoded(overlay_event(tenant_id=...)) for _ in range(200)]
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()), *invalid])
    settings = {"DEAD_LETTER_MAX_RUN": "50", "MAX_IN_FLIGHT": "10", "FAIR_SHARES": "false"}
    consumer = await start_command("run", env={**feed_env, **settings})
    assert await consumer.exit_code() == 3
    assert "DEAD_LETTER_MAX_RUN" in consumer.lines[-1]
    assert "Traceback" not in "".join(consumer.lines)
    dead_letters = len(await read_all(stack.kafka_bootstrap_servers, topics.dead_letter))
    assert 0 < dead_letters <= 50
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(feed_env["KAFKA_GROUP_ID"])
    finally:
        await admin.close()
    of_events = [offset.offset for partition, offset in committed.items() if partition.topic == topics.incoming]
    assert of_events == [1 + dead_letters]


@pytest.mark.partitions(1)
async def test_too_many_events_of_other_types_in_a_row_end_the_program_and_stay_where_they_are(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics
) -> None:
    others = [encoded(overlay_event(event_type="overlay.started")) for _ in range(200)]
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()), *others])
    settings = {"IGNORED_MAX_RUN": "50", "MAX_IN_FLIGHT": "10", "FAIR_SHARES": "false"}
    consumer = await start_command("run", env={**feed_env, **settings})
    assert await consumer.exit_code() == 3
    assert "IGNORED_MAX_RUN" in consumer.lines[-1]
    assert "overlay.started" in consumer.lines[-1]
    assert sum("event.ignored" in line for line in consumer.lines) == 1
    assert await read_all(stack.kafka_bootstrap_servers, topics.dead_letter) == []
