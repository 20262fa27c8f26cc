"""What a database of somebody else's refuses: named by its column or constraint, without a word of the shop's."""

from collections.abc import Mapping
from functools import partial

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.ledger_rows import query
from tests.support.service import Service, running_service
from tests.support.topics import Topics
from tests.support.waiting import eventually

SECRET = "비밀셔츠"
REFUSES_ONE = f"""
    ALTER TABLE instagram_feeds
        ADD CONSTRAINT no_secret_shirts CHECK (product_description NOT LIKE '%{SECRET}%')
"""


def is_told(text: str) -> bool:
    """Whether a text shows the shop's word, as it is, escaped or in hex."""
    data = SECRET.encode()
    spellings = (SECRET, data.hex(), data.hex(" "), SECRET.encode("unicode_escape").decode(), repr(data)[2:-1])
    return any(spelling.lower() in text.lower() for spelling in spellings)


async def test_a_post_that_a_constraint_refuses_ends_its_own_request_and_no_text_is_told(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await query(feed_env["DATABASE_URL"], REFUSES_ONE)
    async with running_service(feed_env, stack, topics, llm) as service:
        refused = await service.send_event(product_description=f"{SECRET}, cotton")
        others = [await service.send_event() for _ in range(5)]
        for overlay_id in others:
            await service.feed(overlay_id)
        request = await service.ended(refused)
        assert (request["state"], request["last_error_reason"]) == ("failed", "store_refused")
        assert "no_secret_shirts" in request["last_error_detail"]
        assert "instagram_feeds.product_description" in request["last_error_detail"]
        assert not is_told(request["last_error_detail"])
        [dead] = await service.dead_letters_of(b"key")
        headers = {name: value.decode() for name, value in dead.headers}
        assert "no_secret_shirts" in headers["dlq_detail"]
        assert not is_told(headers["dlq_detail"])
        output = "".join(service.consumer.lines)
    assert not is_told(output)


async def stored(service: Service, overlay_id: str) -> bool:
    """Whether there is a post by now; what failed before the fault showed to be everybody's is tried anew."""
    return bool(await service.rows("instagram_feeds", overlay_id))


async def test_a_column_that_comes_while_the_consumer_runs_fails_nobody_and_is_named(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    url = feed_env["DATABASE_URL"]
    async with running_service(feed_env, stack, topics, llm) as service:
        await service.feed(await service.send_event())
        await query(url, "ALTER TABLE instagram_feeds ADD campaign TEXT NOT NULL DEFAULT ''")
        await query(url, "ALTER TABLE instagram_feeds ALTER campaign DROP DEFAULT")
        waiting = [await service.send_event(product_description=f"{SECRET} {number}") for number in range(5)]

        async def not_ready() -> bool:
            return await service.consumer.ready_status() == 503

        await eventually(not_ready, 20)
        assert any('column "campaign"' in str(line) for line in service.consumer.log)
        await query(url, "ALTER TABLE instagram_feeds ALTER campaign SET DEFAULT ''")
        for overlay_id in waiting:
            await eventually(partial(stored, service, overlay_id), 40)
        output = "".join(service.consumer.lines)
    assert not is_told(output)
