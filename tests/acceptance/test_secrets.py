"""No key and no password is in anything the program prints, however much goes wrong."""

import json
from collections.abc import Mapping
from itertools import count
from urllib.parse import quote, urlsplit
from uuid import uuid4

from aiohttp import web

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.answering_server import Answer, answering
from tests.support.kafka_records import encoded, overlay_event
from tests.support.ledger_rows import query
from tests.support.service import running_service
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
