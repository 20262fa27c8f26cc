"""Bytes in, row and event out: the main job on real Kafka and Postgres, the consumer as a process."""

import pytest

from tests.support.kafka_records import encoded, overlay_event, read_all
from tests.support.service import Service
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_events_become_stored_posts_and_created_events(service: Service) -> None:
    events = [overlay_event() for _ in range(10)]
    overlay_ids = sorted(str(event["overlay_id"]) for event in events)
    await service.send(*map(encoded, events))

    async def all_created() -> bool:
        records = await read_all(service.servers, service.topics.created)
        return sorted(record.key.decode() for record in records if record.key.decode() in overlay_ids) == overlay_ids

    await eventually(all_created, 30)
    for overlay_id in overlay_ids:
        await service.feed(overlay_id)
    billed = [call.overlay_id for call in (await service.llm.ledger()).calls if call.billed]
    assert sorted(str(overlay_id) for overlay_id in billed if overlay_id in overlay_ids) == overlay_ids
