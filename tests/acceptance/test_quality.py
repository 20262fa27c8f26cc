"""What publishers get of a post, and what the gate has said about it."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.support.kafka_records import encoded, overlay_event
from tests.support.ledger_rows import query
from tests.support.service import Service

INSERT_TENANT = "INSERT INTO tenants (tenant_id, disclosure) VALUES ($1, '#광고') RETURNING tenant_id"

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_tenants_disclosure_stands_first_and_is_published_as_it_was_counted(service: Service) -> None:
    tenant_id = f"tenant-{uuid4()}"
    await query(service.env["DATABASE_URL"], INSERT_TENANT, tenant_id)
    event = overlay_event(tenant_id=tenant_id)
    overlay_id = str(event["overlay_id"])
    await service.send(encoded(event))

    feed = await service.feed(overlay_id)
    [record] = await service.announced(service.topics.created, overlay_id)
    created = json.loads(record.value)

    assert feed["instagram_ad_copy"].startswith("#광고\n")
    whole = f"{feed['instagram_ad_copy']}\n\n{feed['hashtags']}"
    assert created["publishing"] == {
        "caption": whole,
        "hashtag_count": 1 + len(feed["hashtags"].split()),
        "utf16_length": len(whole.encode("utf-16-le")) // 2,
        "is_ai_generated": True,
    }
    assert created["publishing"]["hashtag_count"] <= 5


async def test_a_post_much_like_an_earlier_one_is_stored_with_a_warning(service: Service) -> None:
    tenant_id = f"tenant-{uuid4()}"
    first, second = overlay_event(tenant_id=tenant_id), overlay_event(tenant_id=tenant_id)
    earlier = await stored(service, first)
    later = await stored(service, second)
    rules = {warning["rule"] for warning in json.loads(later["quality"])}
    assert json.loads(earlier["quality"]) == []
    assert rules == {"similar"}


async def stored(service: Service, event: dict[str, object]) -> dict[str, Any]:
    await service.send(encoded(event))
    return await service.feed(str(event["overlay_id"]))
