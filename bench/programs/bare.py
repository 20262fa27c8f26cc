"""A bare loop: one event at a time through the usual libraries."""

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from openai import AsyncOpenAI

from bench.programs.structured_call import write_post
from bench.programs.task import STORE, Task, created_event, feed_row
from schemas.overlay_completed import OverlayCompleted


async def consume(task: Task) -> None:
    """Handle events until the process is ended."""
    client = AsyncOpenAI(base_url=task.base_url, api_key=task.api_key)
    async with (
        asyncpg.create_pool(task.database_url, min_size=1) as pool,
        AIOKafkaProducer(bootstrap_servers=task.bootstrap_servers) as producer,
        AIOKafkaConsumer(
            task.incoming_topic,
            bootstrap_servers=task.bootstrap_servers,
            group_id=task.group_id,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        ) as consumer,
    ):
        model_id = await task.model_id(pool)
        async for record in consumer:
            event = OverlayCompleted.model_validate_json(record.value)
            answer = await write_post(client, task.model, event)
            row = feed_row(event, answer, model_id)
            await pool.execute(STORE, *([value] for value in row))
            await producer.send_and_wait(task.created_topic, created_event(event, answer, task.model, row), record.key)
            await consumer.commit()


if __name__ == "__main__":
    uvloop.run(consume(Task.from_environment()))
