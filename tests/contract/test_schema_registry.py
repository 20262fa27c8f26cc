"""Registering the schemas of outgoing events, with the registry's own client; and what is said when that fails."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web

from consumer.kafka import schema_registry as module
from consumer.kafka.schema_registry import RegistryProblem, framing, register_outputs
from consumer.operations.doctor.finding import Finding
from consumer.operations.doctor.registry import examine_registry
from consumer.settings.registry import RegistrySettings
from schemas.framing import unframe
from tests.support.answering_server import Asked, answering
from tests.support.schema_registry import schema_registry


def settings(url: str | None, **more: str) -> RegistrySettings:
    suffix = uuid4().hex[:8]
    return RegistrySettings.model_validate(
        {
            "schema_registry_url": url,
            "feed_created_topic": f"created-{suffix}",
            "feed_failed_topic": f"failed-{suffix}",
            **more,
        }
    )


@asynccontextmanager
async def answering_with(status: int, body: object) -> AsyncIterator[tuple[str, list[Asked]]]:
    async def answer(_request: web.BaseRequest) -> web.Response:
        return web.json_response(body, status=status)

    async with answering(answer) as server:
        yield server


async def problem_at(url: str) -> str:
    with pytest.raises(RegistryProblem) as caught:
        await register_outputs(settings(url))
    return str(caught.value)


async def test_without_a_registry_nothing_is_framed() -> None:
    assert await register_outputs(settings(None)) == {}


async def test_both_outputs_are_registered_and_framed_and_again_alike() -> None:
    async with schema_registry() as url:
        wanted = settings(url)

        framings = await register_outputs(wanted)

        assert framings == await register_outputs(wanted)
        assert framings.keys() == {wanted.feed_created_topic, wanted.feed_failed_topic}
        async with aiohttp.ClientSession() as session:
            subjects = await (await session.get(f"{url}/subjects")).json(content_type=None)
            schema_id = int.from_bytes(framings[wanted.feed_created_topic][1:])
            found = await (await session.get(f"{url}/schemas/ids/{schema_id}")).json(content_type=None)
    assert {f"{topic}-value" for topic in framings} <= set(subjects)
    assert json.loads(found["schema"])["title"] == "instagram_feed.created"


def test_what_is_framed_is_opened_by_our_own_reader_too() -> None:
    assert framing(258) == b"\0\0\0\1\2"
    assert unframe(framing(258) + b'{"a": 1}').body == b'{"a": 1}'


async def test_user_and_password_go_with_the_request() -> None:
    async with answering_with(200, {"id": 7}) as (url, asked):
        await register_outputs(settings(url, schema_registry_username="feeds", schema_registry_password="s3cret"))

    assert {request.headers["authorization"] for request in asked} == {aiohttp.encode_basic_auth("feeds", "s3cret")}


async def test_an_incompatible_schema_is_told_with_what_to_do() -> None:
    async with answering_with(409, {"error_code": 409, "message": "incompatible"}) as (url, _):
        said = await problem_at(url)

    assert said.startswith(f"SCHEMA_REGISTRY_URL: {url} finds the schema of created-")
    assert said.endswith("compatibility to FORWARD")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, {"error_code": 40101, "message": "Unauthorized"}, "refuses the schema of created-"),
        (422, {"error_code": 42201, "message": "Invalid schema"}, "Invalid schema"),
        (200, ["no id"], "cannot be reached"),
        (404, "<html>", "refuses the schema of created-"),
    ],
)
async def test_a_refusal_is_one_line(status: int, body: object, expected: str) -> None:
    async with answering_with(status, body) as (url, _):
        said = await problem_at(url)

    assert expected in said
    assert "\n" not in said


async def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka.schema_registry", None)

    assert (await problem_at("http://registry")).endswith("pip install 'instagram-feed-consumer[registry]'")


async def test_a_registry_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RETRIES", 0)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        said = await problem_at(f"http://127.0.0.1:{bound.getsockname()[1]}")

    assert "cannot be reached" in said


async def test_a_registry_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REGISTER_S", 0.1)

    async def answer(_request: web.BaseRequest) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with answering(answer) as (url, _):
        assert "gives no answer within 0.1 s" in await problem_at(url)


async def findings_of(url: str) -> list[Finding]:
    return [finding async for finding in examine_registry(settings(url))]


async def test_the_doctor_says_whether_it_answers() -> None:
    async with schema_registry() as url:
        await register_outputs(settings(url))
        [well] = await findings_of(url)
    async with answering_with(403, {"error_code": 40301, "message": "Forbidden"}) as (refusing_url, _):
        [refused] = await findings_of(refusing_url)

    assert (well.check, well.status) == ("schema registry", "ok")
    assert (refused.status, refused.advice and "SCHEMA_REGISTRY_URL" in refused.advice) == ("failed", True)
    assert "refuses this user" in refused.detail
