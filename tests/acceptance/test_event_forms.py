"""Events in all forms upstream services write, among them records of clients we have nothing to do with."""

import asyncio
import json
import shutil
from asyncio.subprocess import PIPE, STDOUT
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from devstack.kafka_artifacts import jars_folder
from tests.support.kafka_records import encoded, overlay_event
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRODUCE_JAVA = Path(__file__).parents[1] / "fixtures" / "Produce.java"
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]


def envelope(**members: object) -> dict[str, object]:
    return {"specversion": "1.0", "id": f"ce-{uuid4()}", "source": "/overlays", "type": "overlay.completed", **members}


async def test_plain_json(service: Service) -> None:
    event = overlay_event()
    await service.send(json.dumps(event, indent=2).encode(), key=None)
    feed = await service.feed(str(event["overlay_id"]))
    assert (feed["source_event_id"], feed["tone_style"]) == (event["event_id"], event["tone_style"])


async def test_a_cloud_event_in_structured_mode(service: Service) -> None:
    data = overlay_event(event_id=..., event_type=...)
    whole = envelope(data=data)
    await service.send(encoded(whole), headers=STRUCTURED)
    assert (await service.feed(str(data["overlay_id"])))["source_event_id"] == whole["id"]


async def test_a_cloud_event_in_structured_mode_without_its_content_type(service: Service) -> None:
    data = overlay_event()
    await service.send(encoded(envelope(data=data)))
    await service.feed(str(data["overlay_id"]))


async def test_a_cloud_event_in_structured_mode_with_encoded_data(service: Service) -> None:
    data = overlay_event()
    await service.send(encoded(envelope(data_base64=b64encode(encoded(data)).decode())), headers=STRUCTURED)
    await service.feed(str(data["overlay_id"]))


async def test_a_cloud_event_in_binary_mode(service: Service) -> None:
    event = overlay_event(event_id=..., event_type=..., occurred_at=...)
    attributes = envelope(type="com.example.overlay.completed", time="2026-11-01T09:00:00+09:00")
    headers = [(f"ce_{name}", str(value).encode()) for name, value in attributes.items()]
    await service.send(encoded(event), headers=[*headers, ("content-type", b"application/json")])
    assert (await service.feed(str(event["overlay_id"])))["source_event_id"] == attributes["id"]


async def test_an_event_without_any_id_is_known_by_its_position(service: Service) -> None:
    event = overlay_event(event_id=..., event_type=..., occurred_at=..., job_id=..., gpt_prompt=..., unknown_field=[1])
    await service.send(encoded(event))
    feed = await service.feed(str(event["overlay_id"]))
    [record] = await service.announced(service.topics.created, str(event["overlay_id"]))
    source = json.loads(record.value)["source"]
    assert feed["source_event_id"] == f"{source['topic']}/{source['partition']}/{source['offset']}"
    assert feed["job_id"] is None


async def test_records_of_a_client_we_have_nothing_to_do_with(service: Service) -> None:
    plain, structured, binary = overlay_event(), overlay_event(event_type=...), overlay_event(event_id=...)
    attributes = {"ce_specversion": "1.0", "ce_id": f"foreign-{uuid4()}", "ce_type": "overlay.completed"}
    await produce_foreign(
        service,
        {
            encoded(plain).decode(): {},
            encoded(envelope(data=structured)).decode(): {"content-type": "application/cloudevents+json"},
            encoded(binary).decode(): attributes,
        },
    )
    for event in (plain, structured, binary):
        await service.feed(str(event["overlay_id"]))
    assert (await service.feed(str(binary["overlay_id"])))["source_event_id"] == attributes["ce_id"]


async def produce_foreign(service: Service, records: Mapping[str, Mapping[str, str]]) -> None:
    """Write values with their headers by kcat, else by Kafka's Java client."""
    if shutil.which("kcat"):
        for value, headers in records.items():
            options = [option for name, text in headers.items() for option in ("-H", f"{name}={text}")]
            await run("kcat", "-P", "-b", service.servers, "-t", service.topics.incoming, *options, given=value)
    elif shutil.which("javac") and jars_folder().is_dir():
        lines = [f"{','.join(map(':'.join, headers.items()))}\t{value}" for value, headers in records.items()]
        program = ("java", "-XX:TieredStopAtLevel=1", "-cp", f"{jars_folder()}/*", str(PRODUCE_JAVA))
        await run(*program, service.servers, service.topics.incoming, given="\n".join(lines))
    else:
        pytest.skip("needs kcat, or a Java compiler and the jars of the embedded broker")


async def run(*command: str, given: str) -> None:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=STDOUT)
    output, _ = await process.communicate(given.encode())
    assert process.returncode == 0, output.decode()


async def test_events_as_kafka_connect_and_debezium_write_them(service: Service) -> None:
    for payload in (
        lambda event: event,
        json.dumps,
        lambda event: {"before": None, "after": event, "op": "c", "ts_ms": 1},
    ):
        event = overlay_event()
        await service.send(encoded({"schema": None, "payload": payload(event)}))
        await service.feed(str(event["overlay_id"]))


async def test_events_behind_the_framing_of_a_schema_registry_or_a_byte_order_mark(service: Service) -> None:
    for prefix in (b"\0\0\0\0\7", b"\xef\xbb\xbf"):
        event = overlay_event()
        await service.send(prefix + encoded(event))
        await service.feed(str(event["overlay_id"]))


async def test_a_type_in_other_spelling(service: Service) -> None:
    await service.feed(await service.send_event(event_type="com.shop.Overlay.Completed.v1"))
