"""The same events again, in whatever way: no second post, no second event, no second call."""

from pathlib import Path

import pytest

from tests.support.consumer_process import start_command
from tests.support.kafka_records import encoded, overlay_event, read_all
from tests.support.ledger_rows import query
from tests.support.service import Service
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVENTS = 30


async def produce(service: Service, file: Path) -> None:
    """`instagram-feed produce`."""
    command = await start_command("produce", str(file), env=service.env)
    assert await command.exit_code() == 0, command.lines


async def until_all_polled(service: Service) -> None:
    """Wait for an event that was written behind all others in each partition."""
    for partition in range(4):
        event = overlay_event()
        await service.send(encoded(event), partition=partition)
        await service.feed(str(event["overlay_id"]))


async def test_the_same_file_twice_makes_every_post_once(service: Service, tmp_path: Path) -> None:
    overlays = [overlay_event() for _ in range(EVENTS)]
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(encoded(event) for event in overlays))
    overlay_ids = sorted(str(event["overlay_id"]) for event in overlays)

    async def stored() -> list[str]:
        found = "SELECT overlay_id FROM instagram_feeds WHERE overlay_id = ANY($1::uuid[])"
        rows = await query(service.env["DATABASE_URL"], found, overlay_ids)
        return sorted(str(row["overlay_id"]) for row in rows)

    async def all_stored() -> bool:
        return await stored() == overlay_ids

    async def created() -> list[str]:
        records = await read_all(service.servers, service.topics.created)
        return sorted(record.key.decode() for record in records if record.key.decode() in overlay_ids)

    async def all_created() -> bool:
        return await created() == overlay_ids

    await produce(service, file)
    await eventually(all_stored, 30)
    await produce(service, file)
    await until_all_polled(service)

    incoming = await read_all(service.servers, service.topics.incoming)
    assert sum((record.key or b"").decode() in overlay_ids for record in incoming) == 2 * EVENTS
    assert await stored() == overlay_ids
    calls = [call.overlay_id for call in (await service.llm.ledger()).calls if call.overlay_id in overlay_ids]
    assert sorted(map(str, calls)) == overlay_ids
    await eventually(all_created)


async def test_copies_in_one_poll_and_in_every_partition_make_one_post(service: Service) -> None:
    event = overlay_event()
    for partition in range(4):
        await service.send(*[encoded(event)] * 5, partition=partition)
    await until_all_polled(service)
    overlay_id = str(event["overlay_id"])
    await service.feed(overlay_id)
    assert len(await service.calls(overlay_id)) == 1
    assert len(await service.announced(service.topics.created, overlay_id)) == 1
