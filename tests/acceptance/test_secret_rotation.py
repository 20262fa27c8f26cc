"""Keys and passwords in files are exchanged while the program runs: SIGHUP, and nothing is lost."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from aiohttp import web

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.answering_server import answering
from tests.support.consumer_process import running_consumer
from tests.support.ledger_rows import query
from tests.support.service import Service
from tests.support.topics import Topics
from tests.support.waiting import eventually

POST = {"instagram_ad_copy": "푸른 바다를 입다", "hashtags": "#셔츠"}
GOOD = {"choices": [{"message": {"content": json.dumps(POST)}, "finish_reason": "stop"}], "usage": {}}
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1"


async def test_a_new_key_and_a_new_password_are_used_from_sighup_on(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, tmp_path: Path
) -> None:
    role, taken = f"test_{uuid4().hex}", ["sk-old"]
    key_file, url_file = tmp_path / "key", tmp_path / "database-url"
    server = urlsplit(feed_env["DATABASE_URL"])

    def url_with(password: str) -> str:
        return server._replace(netloc=f"{role}:{password}@{server.netloc.rpartition('@')[2]}").geturl()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        is_good = request.headers["Authorization"] == f"Bearer {taken[-1]}"
        return web.json_response(GOOD if is_good else {"error": {"message": "no"}}, status=200 if is_good else 401)

    key_file.write_text("sk-old\n")
    url_file.write_text(url_with("old"))
    await query(feed_env["DATABASE_URL"], f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'old'")
    try:
        async with answering(answer) as (base_url, _):
            without = {
                name: value for name, value in feed_env.items() if name not in {"OPENAI_API_KEY", "DATABASE_URL"}
            }
            env = {
                **without,
                "OPENAI_API_KEY_FILE": str(key_file),
                "DATABASE_URL_FILE": str(url_file),
                "OPENAI_BASE_URL": base_url,
                "PROBE_S": "0.2",
            }
            async with running_consumer(env) as consumer:
                service = Service(feed_env, stack.kafka_bootstrap_servers, topics, llm, consumer)
                await service.feed(await service.send_event())

                await query(feed_env["DATABASE_URL"], f"ALTER ROLE {role} PASSWORD 'new'")
                taken.append("sk-new")
                key_file.write_text("sk-new\n")
                url_file.write_text(url_with("new"))
                consumer.signal(signal.SIGHUP)
                await eventually(lambda: consumer.events("secrets.reread"), 10)
                assert consumer.events("secrets.reread")[0]["changed"] == ["DATABASE_URL", "OPENAI_API_KEY"]
                await query(feed_env["DATABASE_URL"], END_SESSIONS, role)
                await service.feed(await service.send_event())

                key_file.unlink()
                url_file.write_text(url_with("new").replace(server.path, "/elsewhere"))
                consumer.signal(signal.SIGHUP)
                [told] = await eventually(lambda: consumer.events("secrets.not_reread"), 10)
                assert told["error"] == "OPENAI_API_KEY_FILE names no readable file: No such file or directory"
                key_file.write_text("sk-new")
                consumer.signal(signal.SIGHUP)
                await eventually(lambda: len(consumer.events("secrets.not_reread")) == 2, 10)
                assert "restart for that" in consumer.events("secrets.not_reread")[1]["error"]
                await service.feed(await service.send_event())
                assert await consumer.stop() == 0
    finally:
        await query(feed_env["DATABASE_URL"], END_SESSIONS, role)
        await query(feed_env["DATABASE_URL"], f"DROP ROLE {role}")
