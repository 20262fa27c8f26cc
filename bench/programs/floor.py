"""The floor: the least code that does the work, with no safety at all.

No validation, no ledger, no retries, no order between offset, row and event: a crash loses events, a replay pays
twice. It shows what the libraries themselves cost.
"""

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.programs.task import MAX_TOKENS, STORE, TEMPERATURE, Answer, Task, created_event, feed_row, prompt
from schemas.post import INSTAGRAM_POST_JSON_SCHEMA

REST: dict[str, Any] = {
    "max_completion_tokens": MAX_TOKENS,
    "temperature": TEMPERATURE,
    "response_format": INSTAGRAM_POST_JSON_SCHEMA,
}


async def consume(task: Task) -> None:
    """Handle events until the process is ended."""
    consumer = AIOKafkaConsumer(
        task.incoming_topic,
        bootstrap_servers=task.bootstrap_servers,
        group_id=task.group_id,
        auto_offset_reset="earliest",
    )
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        asyncpg.create_pool(task.database_url, min_size=1) as pool,
        AIOKafkaProducer(bootstrap_servers=task.bootstrap_servers, linger_ms=2) as producer,
        consumer,
        asyncio.TaskGroup() as tasks,
    ):
        written: asyncio.Queue[tuple[Any, Answer]] = asyncio.Queue()
        tasks.create_task(_store(task, pool, producer, written))
        free = asyncio.Semaphore(task.in_flight)
        async for record in consumer:
            await free.acquire()
            writing = tasks.create_task(_write(task, session, json.loads(record.value), written))
            writing.add_done_callback(lambda _: free.release())


async def _write(task: Task, session: aiohttp.ClientSession, event: dict[str, Any], written: Any) -> None:  # noqa: ANN401 - a counter
    fields: Any = SimpleNamespace(**event)
    fields.overlay_id, fields.job_id = UUID(event["overlay_id"]), UUID(event["job_id"])
    body = json.dumps({"model": task.model, "messages": prompt(fields), **REST}, ensure_ascii=False).encode()
    headers = {"Authorization": f"Bearer {task.api_key}", "Content-Type": "application/json"}
    started_s = time.perf_counter()
    async with session.post(f"{task.base_url}/chat/completions", data=body, headers=headers) as response:
        raw = await response.read()
    latency_ms = (time.perf_counter() - started_s) * 1_000
    completion = json.loads(raw)
    post, usage = json.loads(completion["choices"][0]["message"]["content"]), completion["usage"]
    tokens = usage["prompt_tokens"], usage["completion_tokens"]
    written.put_nowait((fields, Answer(post["instagram_ad_copy"], post["hashtags"], raw.decode(), latency_ms, *tokens)))


async def _store(
    task: Task,
    pool: "asyncpg.Pool[asyncpg.Record]",
    producer: AIOKafkaProducer,
    written: "asyncio.Queue[tuple[Any, Answer]]",
) -> None:
    model_id = await task.model_id(pool)
    while True:
        batch = [await written.get()]
        while not written.empty():
            batch.append(written.get_nowait())
        rows = [feed_row(event, answer, model_id) for event, answer in batch]
        await pool.execute(STORE, *map(list, zip(*rows, strict=True)))
        for (event, answer), row in zip(batch, rows, strict=True):
            value = created_event(event, answer, task.model, row)
            await producer.send(task.created_topic, value, str(event.overlay_id).encode())


if __name__ == "__main__":
    uvloop.run(consume(Task.from_environment()))
