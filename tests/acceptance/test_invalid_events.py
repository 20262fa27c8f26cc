"""Each kind of malformed event: one dead letter that says why, and the partition goes on."""

import json
from uuid import uuid4

import pytest

from tests.support.kafka_records import encoded, overlay_event, read_all
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAX_EVENT_BYTES = 262_144
HEADERS = [("upstream", b"\xff\x00 bytes"), ("upstream", b"twice")]


def of_size(size: int) -> bytes:
    """A valid event of so many bytes, but for an unknown field."""
    event = overlay_event(padding="")
    return encoded({**event, "padding": "x" * (size - len(encoded(event)))})


INVALID: dict[str, tuple[bytes | None, list[str]]] = {
    "not JSON": (b"overlay done!", ["value is not JSON"]),
    "cut off": (encoded(overlay_event())[:-20], ["value is not JSON"]),
    "not UTF-8": (b'{"tenant_id": "\xff"}', ["value is not UTF-8"]),
    "no object": (b'["overlay.completed"]', ["value must be a JSON object"]),
    "empty": (b"", ["value is empty"]),
    "tombstone": (None, ["value is empty"]),
    "one byte too large": (of_size(MAX_EVENT_BYTES + 1), [f"value has {MAX_EVENT_BYTES + 1} bytes"]),
    "NUL in a text": (encoded(overlay_event(tone_style="calm\0")), ["tone_style must not contain NUL"]),
    "half a surrogate pair": (
        json.dumps(overlay_event(store_information="\ud800")).encode(),
        ["store_information must not contain NUL or an unpaired surrogate"],
    ),
    "nothing": (
        b"{}",
        [
            f"{name} is required"
            for name in (
                "tenant_id",
                "overlay_id",
                "refined_ad_copy_eng",
                "tone_style",
                "product_description",
                "store_information",
            )
        ],
    ),
    "a field missing": (encoded(overlay_event(product_description=...)), ["product_description is required"]),
    "a field empty": (encoded(overlay_event(refined_ad_copy_eng="")), ["refined_ad_copy_eng must not be empty"]),
    "a text too long": (encoded(overlay_event(gpt_prompt="가" * 20_001)), ["gpt_prompt must have at most 20000"]),
    "a tenant too long": (encoded(overlay_event(tenant_id="t" * 256)), ["tenant_id must have at most 255"]),
    "no UUID": (encoded(overlay_event(overlay_id="42", job_id=7)), ["overlay_id must be a UUID", "job_id must be"]),
    "wrong types": (
        encoded(overlay_event(tone_style=["calm"], occurred_at="yesterday")),
        ["tone_style must be a string", "occurred_at"],
    ),
}


@pytest.mark.parametrize("kind", INVALID)
async def test_an_invalid_event_is_dead_lettered_once_and_the_event_behind_it_is_processed(
    service: Service, kind: str
) -> None:
    value, failing_fields = INVALID[kind]
    behind = overlay_event()
    key = f"key {uuid4()}".encode()
    await service.send(value, key=key, headers=HEADERS, partition=1)
    await service.send(encoded(behind), partition=1)
    await service.feed(str(behind["overlay_id"]))

    [letter] = await service.dead_letters_of(key)
    [original] = [record for record in await read_all(service.servers, service.topics.incoming) if record.key == key]
    assert (letter.value, letter.headers[:2]) == (value, tuple(HEADERS))
    told = {name: text.decode() for name, text in letter.headers[2:]}
    assert (told["dlq_reason"], told["dlq_stage"], told["dlq_attempts"]) == ("invalid_event", "intake", "0")
    assert [field for field in failing_fields if field not in told["dlq_detail"]] == []
    assert (told["dlq_original_topic"], told["dlq_original_partition"]) == (service.topics.incoming, "1")
    assert (told["dlq_original_offset"], told["dlq_original_timestamp"]) == (
        str(original.offset),
        str(original.timestamp),
    )
    assert told["dlq_failed_at"].endswith("Z")


async def test_the_largest_event_allowed_is_processed(service: Service) -> None:
    value = of_size(MAX_EVENT_BYTES)
    await service.send(value)
    await service.feed(json.loads(value)["overlay_id"])


async def test_an_invalid_event_is_logged_with_its_position_and_without_its_content(service: Service) -> None:
    private = f"private {uuid4()}"
    await service.send(encoded(overlay_event(tone_style=[private])), key=private.encode())
    await service.dead_letters_of(private.encode())
    assert [line for line in service.consumer.lines if private in line] == []
    assert {"topic", "partition", "offset", "detail"} <= service.consumer.events("event.invalid")[-1].keys()


async def test_invalid_events_cost_no_call_and_leave_nothing_in_the_ledger(service: Service) -> None:
    event = overlay_event(tone_style=7)
    key = str(event["overlay_id"]).encode()
    await service.send(encoded(event), key=key)
    await service.dead_letters_of(key)
    assert await service.rows("feed_requests", str(event["overlay_id"])) == []
    assert await service.calls(str(event["overlay_id"])) == []
