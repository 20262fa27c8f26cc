"""Writers of one provider share its connections: a variant's calls go over those that other variants have opened."""

import json
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from consumer.resources.writers import Writers
from consumer.settings import Settings, SettingsError, load
from consumer.settings.current import CurrentSettings
from tests.support.answering_server import answering
from tests.support.examples import llm_model
from tests.support.writers import write

ANSWER = {"choices": [{"message": {"content": json.dumps({"a": 1})}, "finish_reason": "stop"}]}


def settings(monkeypatch: pytest.MonkeyPatch, base_url: str) -> CurrentSettings:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:9/none")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-old")
    monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    return CurrentSettings(load(Settings))


async def test_writers_of_a_provider_share_connections_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    peers: set[object] = set()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        peers.add(request.transport and request.transport.get_extra_info("peername"))
        return web.json_response(ANSWER)

    async with answering(answer) as (base_url, asked), AsyncExitStack() as stack:
        current = settings(monkeypatch, base_url)
        writers = Writers(current, stack)
        cool = writers.open(llm_model(), temperature=0.2)
        opened = [writers.open(llm_model()), cool, writers.open(llm_model(model_name="gpt-4o"))]
        for writer in opened:
            await write(writer)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-new")
        assert current.reread() == ["OPENAI_API_KEY"]
        await write(cool)
    assert len(peers) == 1
    assert [one.json["model"] for one in asked] == ["gpt-4o-mini", "gpt-4o-mini", "gpt-4o", "gpt-4o-mini"]
    assert [one.json["temperature"] for one in asked] == [0.7, 0.2, 0.7, 0.2]
    assert [one.headers["authorization"] for one in asked] == [*["Bearer sk-old"] * 3, "Bearer sk-new"]


async def test_a_provider_without_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with AsyncExitStack() as stack:
        writers = Writers(settings(monkeypatch, "http://127.0.0.1:9/v1"), stack)
        with pytest.raises(SettingsError, match="ANTHROPIC_API_KEY is missing"):
            writers.open(llm_model(provider="anthropic"))
