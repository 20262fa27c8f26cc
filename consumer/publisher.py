"""Publishing to Kafka: the one place that sends records, and translates what then goes wrong."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.record import OutgoingRecord


class PublishFailed(Exception):
    """The broker did not acknowledge a record. It may or may not have been written: send it again."""


class Publisher:
    """Sends records with acks=all; a record counts as sent when the broker acknowledged it."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[PublishFailed | None]:
        """Send records, in their order within a partition.

        Returns one entry for each record: None when it was acknowledged.
        """
        deliveries = [await self._begin(record) for record in records]
        results = await asyncio.gather(*deliveries, return_exceptions=True)
        return [_failure(result) for result in results]

    async def _begin(self, record: OutgoingRecord) -> "asyncio.Future[object]":
        """Put one record into the producer's batch; the future is its acknowledgement."""
        # aiokafka refuses a record with neither key nor value, so such a dead letter gets an empty value
        value = b"" if record.key is None and record.value is None else record.value
        try:
            delivery: asyncio.Future[object] = await self._producer.send(
                record.topic, value, record.key, headers=list(record.headers)
            )
        except (KafkaError, OSError) as error:
            delivery = asyncio.get_running_loop().create_future()
            delivery.set_exception(error)
        return delivery


def _failure(result: object) -> PublishFailed | None:
    match result:
        case KafkaError() | OSError():
            return PublishFailed(f"{type(result).__name__}: {result}")
        case BaseException():
            raise result
        case _:
            return None
