"""Records as they lie in the broker are what the committed files say of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.support.kafka_records import encoded, overlay_event
from tests.support.service import Service, texts_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILES = Path(__file__).parents[2] / "schemas/contracts"


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((FILES / f"{name}.schema.json").read_text())
    return Draft202012Validator(schema, format_checker=FormatChecker())


def validate(name: str, record: Any, *, headers: str) -> None:  # noqa: ANN401 - aiokafka's record
    [texts] = texts_of([record])
    validator(headers).validate(texts)
    validator(name).validate(json.loads(record.value))


async def test_a_created_event_and_what_asked_for_it(service: Service) -> None:
    event = overlay_event()
    validator("overlay.completed").validate(event)
    await service.send(encoded(event))

    [record] = await service.announced(service.topics.created, str(event["overlay_id"]))

    validate("instagram_feed.created", record, headers="outgoing.headers")


async def test_a_failed_event_and_its_dead_letter(service: Service) -> None:
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await service.spoil(overlay_id, {"kind": "refusal"})
    await service.send(encoded(event), key=overlay_id.encode())

    [record] = await service.announced(service.topics.failed, overlay_id)
    [letter] = await service.dead_letters_of(overlay_id.encode())

    validate("instagram_feed.failed", record, headers="outgoing.headers")
    validate("overlay.completed", letter, headers="overlay.completed.dlq.headers")
