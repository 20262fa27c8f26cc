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
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event())])
    await send_unreadable(stack.kafka_bootstrap_servers, topics.incoming, partition=0)
    # one slot: the event is taken in, and the record behind it is met while its call is under way or when it is done
    consumer = await start_command("run", env={**feed_env, "MAX_IN_FLIGHT": "1", "FAIR_SHARES": "false"})
    assert await consumer.exit_code() == 3
    assert f"{topics.incoming}, partition 0, at offset 1 or soon after" in consumer.lines[-1]
    assert "Traceback" not in "".join(consumer.lines)
    assert await count_feeds(feed_env["DATABASE_URL"]) == 1
