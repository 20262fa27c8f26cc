"""What became of a post, sent to the topic: kept beside the post while the consumer writes others."""

import json

import pytest

from tests.support.kafka_records import send
from tests.support.outcomes import outcome_event
from tests.support.service import DEADLINE_S, Service
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_outcome_of_a_post_is_in_the_table_soon_after_it_was_sent(service: Service) -> None:
    overlay_id = await service.send_event()
    feed = await service.feed(overlay_id)
    event = outcome_event(None, overlay_id=overlay_id, metric="saves", value=12.5)

    await send(service.servers, service.topics.outcome, [json.dumps(event).encode()])

    [row] = await eventually(lambda: service.rows("feed_outcomes", overlay_id), DEADLINE_S)
    assert (row["instagram_feed_id"], row["metric"], float(row["value"])) == (feed["instagram_feed_id"], "saves", 12.5)


async def test_an_outcome_of_an_unknown_post_is_in_the_dead_letters_with_the_reason(service: Service) -> None:
    event = outcome_event(None, overlay_id="0193a0c4-7a10-7000-8000-0000000000aa")

    await send(service.servers, service.topics.outcome, [json.dumps(event).encode()], key=b"unknown-post")

    [letter] = await service.dead_letters_of(b"unknown-post")
    assert dict(letter.headers)["dlq_reason"] == b"unknown_post"
    assert json.loads(letter.value) == event
