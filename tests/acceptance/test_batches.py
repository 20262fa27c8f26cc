"""Posts by batch, as users meet them: asked for by an event, a tenant or a replay, followed by `batch list`."""

import json
from collections.abc import Mapping

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.batches import QUICK
from tests.support.consumer_process import start_command
from tests.support.kafka_records import encoded, overlay_event
from tests.support.ledger_rows import query
from tests.support.service import Service, running_service
from tests.support.topics import Topics
from tests.support.waiting import eventually

SOON = {**QUICK, "BATCH_MAX_WAIT_S": "1"}


async def told_by(service: Service, *arguments: str) -> str:
    """What a command prints, which has to succeed."""
    command = await start_command(*arguments, env=service.env)
    assert await command.exit_code() == 0, "".join(command.lines)
    return "".join(command.lines)


async def test_an_event_and_a_tenant_ask_for_a_batch_and_a_live_copy_is_a_duplicate(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_batch_pace(in_progress_s=1)
    async with running_service({**feed_env, **SOON}, stack, topics, llm) as service:
        await query(
            service.env["DATABASE_URL"], "INSERT INTO tenants (tenant_id, delivery) VALUES ('patient', 'batch')"
        )
        asked = overlay_event(delivery="batch")
        by_event = str(asked["overlay_id"])
        await service.send(encoded(asked), encoded({**asked, "delivery": "live"}))
        by_tenant = await service.send_event(tenant_id="patient")
        in_a_hurry = await service.send_event(tenant_id="patient", delivery="live")
        deliveries = {}
        for overlay_id in (in_a_hurry, by_event, by_tenant):
            feed = await service.feed(overlay_id)
            deliveries[overlay_id] = feed["delivery"]
            [record] = await service.announced(topics.created, overlay_id)
            assert json.loads(record.value)["metrics"]["delivery"] == feed["delivery"]
        assert deliveries == {in_a_hurry: "live", by_event: "batch", by_tenant: "batch"}
        assert [call.service for call in await service.calls(by_event)] == ["batch"]


async def test_a_replay_goes_by_batch_and_is_followed(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    async with running_service({**feed_env, **SOON}, stack, topics, llm) as service:
        overlay_ids = [await service.send_event() for _ in range(3)]
        for overlay_id in overlay_ids:
            await service.ended(overlay_id)
        said = await told_by(service, "replay", "--mode", "regenerate", "--delivery", "batch", "--yes")
        assert "batch list" in said

        async def written() -> bool:
            sql = "SELECT delivery FROM instagram_feeds WHERE revision = 2"
            return [row["delivery"] for row in await query(service.env["DATABASE_URL"], sql)] == ["batch"] * 3

        await eventually(written, 40)
        listed = json.loads(await told_by(service, "batch", "list", "--all", "--json"))
        [batch] = listed["batches"]
        assert (batch["requests"], batch["completed"]) == (3, 3)
        shown = await told_by(service, "batch", "show", batch["batch_id"])
        assert "3 stored" in shown


async def test_a_batch_is_cancelled_and_what_it_leaves_is_written_live(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_batch_pace(in_progress_s=600)
    async with running_service({**feed_env, **SOON, "BATCH_POLL_S": "30"}, stack, topics, llm) as service:
        overlay_id = await service.send_event(delivery="batch")

        async def created() -> list[dict[str, object]]:
            return await query(service.env["DATABASE_URL"], "SELECT * FROM llm_batches WHERE state = 'created'")

        [batch] = await eventually(created, 30)
        await told_by(service, "batch", "cancel", str(batch["batch_id"]), "--live")
        await eventually(lambda: told_by(service, "batch", "collect", str(batch["batch_id"]), "--timeout", "5"), 30)
        feed = await service.feed(overlay_id)
        assert feed["delivery"] == "live"
