"""The upstream of a run: sends until the broker acknowledges, and remembers what it acknowledged."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.chaos.observations import Probe, Sent
from tests.chaos.traffic import POISON_HEADER, RecordMaker, TrafficRecord

ACKNOWLEDGE_S = 15.0
PAUSE_S = 0.3
MOST_BYTES = 2**21
POISON_OF_A_PROBE = 3


class Upstream:
    """Writes to the incoming topic; `sent` is the first observer."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self.sent: list[Sent] = []
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()

    async def send(self, records: Sequence[TrafficRecord], *, partition: int | None = None) -> None:
        """Send records, again and again until each is acknowledged; what is sent twice is a duplicate."""
        async with self._turn:
            left = list(records)
            while left:
                left = await self._try(left, partition)

    async def probe(self, maker: RecordMaker, partition: int) -> Probe:
        """Send a good event, poison, and a good event, each when the one before is acknowledged."""
        before, behind = maker.valid(), maker.valid()
        sent_at_s = time.time()
        await self.send([before], partition=partition)
        await self.send([maker.poison() for _ in range(POISON_OF_A_PROBE)], partition=partition)
        await self.send([behind], partition=partition)
        return Probe(partition, _overlay(before), _overlay(behind), sent_at_s)

    async def stop(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer:
            with suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(PAUSE_S * 10):
                    await producer.stop()

    async def _try(self, records: list[TrafficRecord], partition: int | None) -> list[TrafficRecord]:
        """Send once; returns what was not acknowledged."""
        try:
            async with asyncio.timeout(ACKNOWLEDGE_S):
                producer = await self._connected()
                deliveries = [await self._begin(producer, record, partition) for record in records]
                results = await asyncio.gather(*deliveries, return_exceptions=True)
        except (KafkaError, OSError, TimeoutError):
            results = [TimeoutError()] * len(records)
        left = [record for record, result in zip(records, results, strict=True) if isinstance(result, BaseException)]
        if left:
            # a producer that failed may be stuck on its sequence numbers
            await self.stop()
            await asyncio.sleep(PAUSE_S)
        return left

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap_servers,
                acks="all",
                enable_idempotence=True,
                max_request_size=MOST_BYTES,
            )
            self._producer = producer
            await producer.start()
        return self._producer

    async def _begin(
        self, producer: AIOKafkaProducer, record: TrafficRecord, partition: int | None
    ) -> "asyncio.Task[None]":
        headers = [POISON_HEADER] if record.overlay_id is None else []
        delivery = await producer.send(self._topic, record.value, record.key, partition=partition, headers=headers)
        return asyncio.create_task(self._note(record, delivery))

    async def _note(self, record: TrafficRecord, delivery: "asyncio.Future[object]") -> None:
        written = await delivery
        position = written.partition, written.offset  # type: ignore[attr-defined]  # aiokafka is untyped
        self.sent.append(Sent(*position, record.key, record.value, record.overlay_id, time.time()))


def _overlay(record: TrafficRecord) -> UUID:
    if record.overlay_id is None:
        raise ValueError("a probe's good event is about an overlay")
    return record.overlay_id
