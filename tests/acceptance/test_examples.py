"""The examples, written from the contract alone, in two languages against a real broker."""

import asyncio
import json
import re
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from devstack.kafka_artifacts import jars_folder
from tests.support.kafka_records import overlay_event
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXAMPLES = Path(__file__).parents[2] / "examples"
DEADLINE_S = 40.0
TRACE_ID = re.compile("00-([0-9a-f]{32})-[0-9a-f]{16}-01")


def in_python(name: str) -> list[str]:
    return [sys.executable, str(EXAMPLES / f"python/{name}.py")]


def in_java(name: str) -> list[str]:
    if not (shutil.which("javac") and jars_folder().is_dir()):
        pytest.skip("needs a Java compiler and the jars of the embedded broker")
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{jars_folder()}/*", str(EXAMPLES / f"java/{name}.java")]


def commands(language: str) -> tuple[list[str], list[str]]:
    """How the producer and the consumer of a language are started."""
    if language == "python":
        return in_python("upstream_producer"), in_python("downstream_consumer")
    return in_java("UpstreamProducer"), in_java("DownstreamConsumer")


@asynccontextmanager
async def running(command: list[str]) -> AsyncIterator[Process]:
    """A program whose output is read while it runs; it is stopped at the end of the block."""
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=2**20)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def found(consumer: Process, overlay_id: str) -> dict[str, Any]:
    """What a consumer prints about an overlay; what other tests brought is passed over."""
    assert consumer.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        async for line in consumer.stdout:
            publication: dict[str, Any] = json.loads(line)
            if publication["overlay_id"] == overlay_id:
                return publication
    raise AssertionError("the consumer has ended")


@pytest.mark.parametrize("language", ["python", "java"])
async def test_what_the_producer_asks_for_the_consumer_gets_to_publish(service: Service, language: str) -> None:
    produce, consume = commands(language)
    overlay = overlay_event(event_id=..., event_type=..., occurred_at=...)
    overlay_id = str(overlay["overlay_id"])
    servers, topics = service.servers, service.topics
    async with (
        running([*consume, servers, topics.created, f"publisher-{uuid4()}"]) as consumer,
        running([*produce, servers, topics.incoming]) as producer,
    ):
        await producer.communicate(json.dumps(overlay, ensure_ascii=False).encode())
        assert producer.returncode == 0
        publication = await found(consumer, overlay_id)

    feed = await service.feed(overlay_id)
    assert publication["caption"] == f"{feed['instagram_ad_copy']}\n\n{feed['hashtags']}"
    assert (publication["instagram_feed_id"], publication["revision"]) == (str(feed["instagram_feed_id"]), 1)
    assert publication["is_ai_generated"] is True
    assert TRACE_ID.fullmatch(publication["traceparent"])
