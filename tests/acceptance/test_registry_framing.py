"""Events framed by a schema registry, both ways, with the registry vendor's own serializers on the other side."""

import asyncio
import json
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from devstack.endpoints import Endpoints
from schemas.contracts.json_schemas import created_contract
from schemas.overlay_completed import OverlayCompleted
from tests.support.kafka_records import overlay_event
from tests.support.schema_registry import schema_registry
from tests.support.service import DEADLINE_S, Service, lasting_service, texts_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_a_registrys_serializer_writes_is_read_and_what_leaves_its_deserializer_reads(
    stack: Endpoints, migrated_template: str
) -> None:
    async with (
        schema_registry() as url,
        lasting_service(stack, migrated_template, {"SCHEMA_REGISTRY_URL": url}) as service,
    ):
        event = overlay_event()
        value = await asyncio.to_thread(serialized, url, service.topics.incoming, event)
        assert value.startswith(b"\0")

        await service.send(value)
        feed = await service.feed(str(event["overlay_id"]))
        [record] = await service.announced(service.topics.created, str(event["overlay_id"]))

        created = await asyncio.to_thread(deserialized, url, service.topics.created, record.value)
        assert created["instagram_feed_id"] == str(feed["instagram_feed_id"])
        assert json.loads(feed["created_event_value"]) == created  # the table holds plain JSON


async def test_avro_and_protobuf_are_dead_letters_that_name_the_framing(service: Service) -> None:
    await service.send(b"\0\0\0\0\x2a\x02\x08shop", b"\0\0\0\0\x2b\0\x0a\x04shop", key=b"foreign")

    async def both() -> list[Any]:
        letters = await service.dead_letters_of(b"foreign")
        return letters if len(letters) == 2 else []

    letters = await eventually(both, DEADLINE_S)
    assert sorted(letter["dlq_detail"] for letter in texts_of(letters)) == [
        "value is framed by a schema registry (schema id 42), not JSON",
        "value is framed by a schema registry (schema id 43), not JSON",
    ]


def serialized(url: str, topic: str, event: dict[str, object]) -> bytes:
    """The event as a producer with the vendor's serializer writes it."""
    schema = json.dumps(OverlayCompleted.json_schema())
    with SchemaRegistryClient({"url": url}) as client:
        serializer: Any = JSONSerializer(schema, client)
        value: bytes = serializer(event, SerializationContext(topic, MessageField.VALUE))
    return value


def deserialized(url: str, topic: str, value: bytes) -> dict[str, Any]:
    """The event as a consumer with the vendor's deserializer reads it, validated against the registered schema."""
    with SchemaRegistryClient({"url": url}) as client:
        deserializer: Any = JSONDeserializer(None, schema_registry_client=client)
        event: dict[str, Any] = deserializer(value, SerializationContext(topic, MessageField.VALUE))
    assert event["event_type"] == created_contract().name
    return event
