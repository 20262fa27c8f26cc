"""A steady stream of events: valid ones mostly, repeated, invalid and ignored ones among them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaProducer

from tests.chaos.servers import Servers
from tests.support.kafka_records import encoded, overlay_event

PAUSE_S = 0.1
REPEATED_EACH, INVALID_EACH, IGNORED_EACH = 20, 300, 25


class Traffic:
    """What is sent; `invalid_at_once` are sent beside each valid one."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self.invalid_at_once = 0
        self._producer = producer
        self._topic = topic

    async def run(self) -> None:
        """Send without end."""
        number = 0
        while True:
            number += 1
            for value in self._values(number):
                await self._producer.send(self._topic, value)
            await asyncio.sleep(PAUSE_S)

    def _values(self, number: int) -> list[bytes]:
        event = encoded(overlay_event())
        values = [event] + [b"{}"] * self.invalid_at_once
        if number % REPEATED_EACH == 0:
            values.append(event)
        if number % INVALID_EACH == 0:
            values.append(b"no event")
        if number % IGNORED_EACH == 0:
            values.append(encoded(overlay_event(event_type="overlay.started")))
        return values


@asynccontextmanager
async def steady_traffic(servers: Servers) -> AsyncIterator[Traffic]:
    """Traffic for the time of a block."""
    async with AIOKafkaProducer(bootstrap_servers=servers.kafka.address) as producer:
        traffic = Traffic(producer, servers.topics.incoming)
        task = asyncio.create_task(traffic.run())
        try:
            yield traffic
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
