"""The service that most people would write today: FastStream, `openai` `parse`, one insert for each event."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import asyncpg
import uvloop
from faststream import Context, ContextRepo, FastStream
from faststream.kafka import KafkaBroker
from openai import AsyncOpenAI

from bench.programs.structured_call import write_post
from bench.programs.task import STORE, Task, created_event, feed_row
from schemas.overlay_completed import OverlayCompleted

task = Task.from_environment()
broker = KafkaBroker(task.bootstrap_servers)


@asynccontextmanager
async def lifespan(context: ContextRepo) -> AsyncIterator[None]:
    """Open what the handler needs."""
    async with asyncpg.create_pool(task.database_url) as pool:
        context.set_global("pool", pool)
        context.set_global("model_id", await task.model_id(pool))
        context.set_global("client", AsyncOpenAI(base_url=task.base_url, api_key=task.api_key))
        yield


@broker.subscriber(
    task.incoming_topic, group_id=task.group_id, auto_offset_reset="earliest", max_workers=task.in_flight
)
async def write_feed(
    event: OverlayCompleted,
    pool: Annotated[asyncpg.Pool, Context()],
    client: Annotated[AsyncOpenAI, Context()],
    model_id: Annotated[UUID, Context()],
) -> None:
    """Write, store and publish one post."""
    answer = await write_post(client, task.model, event)
    row = feed_row(event, answer, model_id)
    await pool.execute(STORE, *([value] for value in row))
    key = str(event.overlay_id).encode()
    await broker.publish(created_event(event, answer, task.model, row), task.created_topic, key=key)


if __name__ == "__main__":
    uvloop.run(FastStream(broker, lifespan=lifespan).run())
