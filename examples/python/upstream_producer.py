"""Writes `overlay.completed`: one event for each line of standard input, a JSON object with the overlay's texts.

    python upstream_producer.py BOOTSTRAP_SERVERS TOPIC < overlays.jsonl

What a producer adds to the texts: an id, so that the event can be found again; the time; a trace to be continued.
"""

import asyncio
import json
import secrets
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer


def completed(overlay: dict[str, Any]) -> dict[str, Any]:
    """Return the event about an overlay."""
    about = {
        "event_id": str(uuid.uuid4()),
        "event_type": "overlay.completed",
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    return {**about, **overlay}


def new_traceparent() -> str:
    """Begin a trace, as W3C Trace Context spells it; with OpenTelemetry it is what `inject` writes."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


async def main(bootstrap_servers: str, topic: str) -> None:
    """Send all lines; end when the broker has acknowledged them."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True) as producer:
        for line in sys.stdin:
            event = completed(json.loads(line))
            # the key keeps an overlay's events in order; the consumer would take any
            await producer.send_and_wait(
                topic,
                json.dumps(event, ensure_ascii=False).encode(),
                key=event["overlay_id"].encode(),
                headers=[("content-type", b"application/json"), ("traceparent", new_traceparent().encode())],
            )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
