"""A record that the Kafka client cannot read ends the program in good order, with the place, and is not passed."""

from collections.abc import Mapping

import pytest

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.consumer_process import start_command
from tests.support.kafka_records import encoded, overlay_event, send, send_unreadable
from tests.support.ledger_rows import count_feeds
from tests.support.topics import Topics


@pytest.mark.partitions(1)
async def test_a_header_whose_name_is_not_utf_8_is_told_with_its_place_and_paid_calls_end_before(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:1")
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(5)])
    await send_unreadable(stack.kafka_bootstrap_servers, topics.incoming, partition=0)
    # one poll meets all six records; who skips the batch that is named is not to skip an event in front of it
    consumer = await start_command("run", env=feed_env)
    assert await consumer.exit_code() == 3
    assert f"{topics.incoming}, partition 0, at offset 5 or soon after" in consumer.lines[-1]
    assert "Traceback" not in "".join(consumer.lines)
    assert await count_feeds(feed_env["DATABASE_URL"]) == 5
