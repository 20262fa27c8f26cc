"""Reads `instagram_feed.created` as a publisher does, and prints what it would publish, a JSON line for each post.

    python downstream_consumer.py BOOTSTRAP_SERVERS TOPIC GROUP

Events come at least once, so copies are told by their event_id. This one remembers ids in memory; a real publisher
keeps them with what it has published, in one transaction.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer


def publication(event: dict[str, Any], traceparent: str | None) -> dict[str, Any]:
    """Return what a publisher takes from an event; fields it does not know it leaves alone."""
    return {
        "instagram_feed_id": event["instagram_feed_id"],
        "overlay_id": event["overlay_id"],
        "revision": event["revision"],
        "caption": event["publishing"]["caption"],
        "is_ai_generated": event["publishing"]["is_ai_generated"],
        "traceparent": traceparent,
    }


def header(headers: Iterable[tuple[str, bytes]], name: str) -> str | None:
    """Return a header's text; None where there is none."""
    return next((value.decode() for key, value in headers if key == name), None)


async def publish(bootstrap_servers: str, topic: str, group: str) -> None:
    """Read without end; offsets are committed after the work is done."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap_servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    published: set[str] = set()
    async with consumer:
        async for record in consumer:
            event = json.loads(record.value)
            if header(record.headers, "ce_type") == "instagram_feed.created" and event["event_id"] not in published:
                published.add(event["event_id"])
                print(json.dumps(publication(event, header(record.headers, "traceparent"))), flush=True)
            await consumer.commit()


async def main() -> None:
    """Publish until SIGTERM."""
    publishing = asyncio.create_task(publish(*sys.argv[1:]))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, publishing.cancel)
    with suppress(asyncio.CancelledError):
        await publishing


if __name__ == "__main__":
    asyncio.run(main())
