"""What an operator gets to see of each event: one log line, and figures that add up."""

from decimal import Decimal
from uuid import uuid4

import aiohttp
import pytest

from tests.support.kafka_records import encoded, overlay_event
from tests.support.service import Service
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def lines_about(service: Service, overlay_id: str) -> list[dict[str, object]]:
    return [line for line in service.consumer.log if line.get("overlay_id") == overlay_id]


async def test_a_stored_post_is_one_line_with_ids_latency_tokens_and_cost(service: Service) -> None:
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await service.send(encoded(event))
    feed = await service.feed(overlay_id)
    [line] = await eventually(lambda: lines_about(service, overlay_id))
    assert (line["event"], line["level"]) == ("feed.stored", "info")
    assert line["instagram_feed_id"] == str(feed["instagram_feed_id"])
    assert (line["tenant_id"], line["event_id"]) == (event["tenant_id"], event["event_id"])
    assert (line["total_tokens"], line["llm_calls"]) == (feed["total_tokens"], 1)
    assert Decimal(str(line["cost_usd"])) == feed["cost_usd"]
    assert line["latency_ms"] == pytest.approx(feed["latency_ms"], abs=0.1)
    assert {"topic", "partition", "offset", "timestamp"} <= line.keys()


async def test_a_rejected_event_is_one_line_that_says_why_and_what_it_cost(service: Service) -> None:
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await service.spoil(overlay_id, {"kind": "refusal"})
    await service.send(encoded(event))
    request = await service.ended(overlay_id)
    [line] = await eventually(lambda: lines_about(service, overlay_id))
    assert (line["event"], line["level"], line["reason"]) == ("feed.rejected", "warning", "llm_refused")
    assert Decimal(str(line["cost_usd"])) == request["cost_usd"] > 0


async def test_texts_of_events_posts_and_prompts_are_in_no_line(service: Service) -> None:
    """Not even at the level debug, which this consumer logs at."""
    marks = {name: f"text{uuid4().hex}" for name in ("refined_ad_copy_eng", "product_description", "gpt_prompt")}
    event = overlay_event(**marks)
    await service.send(encoded(event))
    feed = await service.feed(str(event["overlay_id"]))
    await eventually(lambda: lines_about(service, str(event["overlay_id"])))
    output = "".join(service.consumer.lines)
    assert [
        text for text in (*marks.values(), feed["instagram_ad_copy"][:20], feed["hashtags"]) if text in output
    ] == []


async def test_the_counts_of_prometheus_go_up_with_the_events(service: Service) -> None:
    before = await metrics(service)
    await service.feed(await service.send_event())
    await service.send(b"not json")

    async def counted() -> bool:
        after = await metrics(service)
        names = (
            'instagram_feed_requests_handled_total{outcome="stored",reason=""}',
            'instagram_feed_events_total{result="invalid"}',
        )
        return [after.get(name, 0) - before.get(name, 0) for name in names] == [1, 1]

    await eventually(counted)
    assert (await metrics(service))["instagram_feed_requests_in_flight"] == 0


async def metrics(service: Service) -> dict[str, float]:
    """The samples that the consumer exposes."""
    port = service.consumer.events("ops.listening")[0]["port"]
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        lines = (await response.text()).splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}
