"""No key and no password is in anything the program prints, however much goes wrong."""

import json
import signal
from base64 import b64encode
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import aiohttp
from aiohttp import web

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.integration.operations.cli.conftest import Commands
from tests.support.answering_server import Answer, answering
from tests.support.consumer_process import running_consumer
from tests.support.kafka_records import encoded, overlay_event, read_all
from tests.support.ledger_rows import query
from tests.support.service import Service, running_service
from tests.support.topics import Topics
from tests.support.waiting import eventually

API_KEY = f"sk-{uuid4().hex}"
DATABASE_PASSWORD = f"db {uuid4().hex}"
SASL_PASSWORD = f"sasl-{uuid4().hex}"

END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1"
POST = {"instagram_ad_copy": "푸른 바다를 입다", "hashtags": "#셔츠"}
GOOD = {"choices": [{"message": {"content": json.dumps(POST)}, "finish_reason": "stop"}], "usage": {}}


def quoting_the_key() -> Answer:
    """A server that quotes the key, refused at first and then out of order; after that it does its work."""
    calls = count()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        error = {"error": {"message": f"You sent {request.headers['Authorization']}. " * 20}}
        match next(calls):
            case 0:
                return web.json_response(error, status=401)
            case 1:
                return web.json_response(error, status=500)
            case _:
                return web.json_response(GOOD)

    return answer


async def test_keys_and_passwords_are_in_no_line_at_the_most_talkative_level(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    """The LLM endpoint quotes the key in its errors, the database ends the sessions, an event is invalid."""
    role = f"test_{uuid4().hex}"
    await query(feed_env["DATABASE_URL"], f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{DATABASE_PASSWORD}'")
    try:
        server = urlsplit(feed_env["DATABASE_URL"])
        netloc = f"{role}:{quote(DATABASE_PASSWORD)}@{server.netloc.rpartition('@')[2]}"
        async with answering(quoting_the_key()) as (base_url, asked):
            env = {
                **feed_env,
                "DATABASE_URL": server._replace(netloc=netloc).geturl(),
                "OPENAI_API_KEY": API_KEY,
                "OPENAI_BASE_URL": base_url,
                "KAFKA_SASL_PASSWORD": SASL_PASSWORD,
                "LOG_LEVEL": "debug",
                "RETRY_BASE_S": "0.1",
                "PROBE_S": "0.2",
            }
            async with running_service(env, stack, topics, llm) as service:
                overlay_id = await service.send_event()
                await service.send(b"not json", encoded(overlay_event(tone_style=API_KEY)))
                await eventually(lambda: len(asked) >= 3, 30)
                await query(feed_env["DATABASE_URL"], END_SESSIONS, role)
                await service.feed(overlay_id)
            output = "".join(service.consumer.lines)
    finally:
        await query(feed_env["DATABASE_URL"], f"DROP ROLE {role}")
    assert asked[0].headers["authorization"] == f"Bearer {API_KEY}"
    assert service.consumer.events("feed.retry_later")
    for secret in (API_KEY, DATABASE_PASSWORD, quote(DATABASE_PASSWORD), SASL_PASSWORD):
        assert secret not in output


SECRETS = {
    "OPENAI_API_KEY": API_KEY,
    "ANTHROPIC_API_KEY": f"sk-ant-{uuid4().hex}",
    "GOOGLE_API_KEY": f"AIza{uuid4().hex}",
    "KAFKA_SASL_PASSWORD": SASL_PASSWORD,
    "KAFKA_OAUTH_CLIENT_SECRET": f"oauth-{uuid4().hex}",
    "KAFKA_SSL_KEY_PASSWORD": f"passphrase-{uuid4().hex}",
    "SCHEMA_REGISTRY_PASSWORD": f"registry-{uuid4().hex}",
}
LISTINGS = (
    ("status", "--json"),
    ("status",),
    ("requests", "list", "--json"),
    ("requests", "summary", "--json"),
    ("feeds", "list", "--json"),
    ("models", "list", "--json"),
    ("tenants", "list", "--json"),
    ("report", "cost", "--json"),
    ("report", "calls", "--json"),
    ("doctor", "--json"),
    ("doctor",),
    ("replay", "--dry-run", "--json"),
    ("topics", "create", "--dry-run"),
    ("migrate",),
)
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"


def quoting_in_every_answer() -> Answer:
    """A server that quotes the key in errors of all kinds, in a refused post, and at last in what becomes the post."""
    calls = count()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        key = request.headers["Authorization"]
        error = {"error": {"message": f"You sent {key}, {API_KEY}.", "param": key, "code": key, "type": key}}
        quoting = {"message": {"content": f"{key} {API_KEY}"}, "finish_reason": "stop"}
        match next(calls):
            case 0 | 1 as number:
                return web.json_response(error, status=(401, 500)[number], headers={"x-request-id": API_KEY})
            case 2:
                return web.json_response({"choices": [quoting], "usage": {}})
            case 3:
                return web.Response(status=502, text=f"<html>{key}</html>")
            case 4:
                return web.json_response(error, status=400)
            case _:
                return web.json_response({**GOOD, "system_fingerprint": key, "id": API_KEY})

    return answer


async def test_planted_secrets_are_nowhere_in_what_is_printed_stored_sent_and_served(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, tmp_path: Path
) -> None:
    """Every secret is planted; faults of provider and database have them come up wherever they could."""
    role = f"test_{uuid4().hex}"
    await query(feed_env["DATABASE_URL"], f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{DATABASE_PASSWORD}'")
    seen: list[str] = []
    try:
        server = urlsplit(feed_env["DATABASE_URL"])
        netloc = f"{role}:{quote(DATABASE_PASSWORD)}@{server.netloc.rpartition('@')[2]}"
        async with answering(quoting_in_every_answer()) as (base_url, asked):
            files = {}
            for name, secret in {**SECRETS, "DATABASE_URL": server._replace(netloc=netloc).geturl()}.items():
                (tmp_path / name).write_text(f"{secret}\n")
                files[f"{name}_FILE"] = str(tmp_path / name)
            without = {name: value for name, value in feed_env.items() if name not in {*SECRETS, "DATABASE_URL"}}
            env = {**without, **files, "OPENAI_BASE_URL": base_url, "LOG_LEVEL": "debug"}
            env |= {"RETRY_BASE_S": "0.1", "PROBE_S": "0.2"}
            commands = Commands(env, tmp_path)
            async with running_consumer(env) as consumer:
                service = Service(feed_env, stack.kafka_bootstrap_servers, topics, llm, consumer)
                sent = [await service.send_event() for _ in range(6)]
                await service.send(b"not json")
                await eventually(lambda: len(asked) >= 6, 30)
                consumer.signal(signal.SIGHUP)
                await query(feed_env["DATABASE_URL"], END_SESSIONS, role)
                for overlay_id in sent:
                    await service.ended(overlay_id)
                port = consumer.events("ops.listening")[0]["port"]
                async with aiohttp.ClientSession() as session:
                    for path in ("metrics", "readyz", "healthz"):
                        async with session.get(f"http://127.0.0.1:{port}/{path}") as response:
                            seen += [await response.text(), str(response.headers)]
                for listing in (*LISTINGS, ("requests", "show", sent[0])):
                    ended = await commands.run(*listing)
                    assert ended.exit_code == 0 or listing[0] == "doctor", ended.errors
                    seen += [ended.output, ended.errors]
                await consumer.stop()
                seen += consumer.lines
        for row in await query(feed_env["DATABASE_URL"], TABLES):
            found = await query(feed_env["DATABASE_URL"], f"SELECT t::text AS line FROM {row['table_name']} AS t")
            seen += [str(line["line"]) for line in found]
        for topic in topics.environment().values():
            seen += [repr(record) for record in await read_all(stack.kafka_bootstrap_servers, topic)]
    finally:
        await query(feed_env["DATABASE_URL"], f"DROP ROLE {role}")
    everything = "".join(seen)
    assert "feed.stored" in everything
    assert len(seen) > 100
    for secret in (*SECRETS.values(), DATABASE_PASSWORD, quote(DATABASE_PASSWORD)):
        for form in (secret, secret.encode().hex(), b64encode(secret.encode()).decode()):
            assert form not in everything
