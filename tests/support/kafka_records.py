"""Writing and reading Kafka records as other services do: with a plain client of their own."""

import asyncio
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

READ_DEADLINE_S = 20.0
_CRC_OFFSET = 17  # in a record batch; the checksum is of all that comes behind it


def overlay_event(**changes: object) -> dict[str, object]:
    """A valid `overlay.completed` about a new overlay; `changes` replace or add fields, `...` removes one."""
    event: dict[str, object] = {
        "event_id": str(uuid4()),
        "event_type": "overlay.completed",
        "occurred_at": "2026-11-01T09:00:00Z",
        "tenant_id": "store-apparel-1",
        "job_id": str(uuid4()),
        "overlay_id": str(uuid4()),
        "refined_ad_copy_eng": "Ocean Blue Shirt — light cotton for long summer days.",
        "tone_style": "따뜻하고 다정한 말투, 이모지 조금",
        "product_description": "Ocean Blue Shirt. Cotton shirt with a narrow collar and long sleeves.",
        "store_information": "오션앤코 성수점 · 서울 성동구 연무장길 12 · 매일 11:00–20:00",
        "gpt_prompt": "첫 문장은 눈길을 끌게 써 주세요.",
    }
    event.update(changes)
    return {name: value for name, value in event.items() if value is not ...}


def encoded(event: Mapping[str, object]) -> bytes:
    """The event as a producer writes it."""
    return json.dumps(event, ensure_ascii=False).encode()


async def send(
    bootstrap_servers: str,
    topic: str,
    values: Sequence[bytes | None],
    *,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes]] = (),
    partition: int | None = None,
) -> None:
    """Write records and wait for their acknowledgements."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, max_request_size=2**21) as producer:
        deliveries = [
            await producer.send(topic, value, key or b"key", partition=partition, headers=list(headers))
            for value in values
        ]
        await asyncio.gather(*deliveries)


async def send_unreadable(bootstrap_servers: str, topic: str, *, partition: int) -> None:
    """Write a record whose header has a name that is not UTF-8, as a client in another language can."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        batch: Any = producer.create_batch()
        batch.append(timestamp=None, key=b"key", value=b"value", headers=[("NAME", b"")])
        batch.close()
        content = bytearray(batch._build())  # noqa: SLF001 - aiokafka itself writes no such name
        content[content.index(b"NAME")] = 0xFF
        struct.pack_into(">I", content, _CRC_OFFSET, calc_crc32c(bytes(content[_CRC_OFFSET + 4 :])))
        batch._buffer = content  # noqa: SLF001
        await (await producer.send_batch(batch, topic, partition=partition))


async def read_all(bootstrap_servers: str, topic: str) -> list[Any]:
    """All records of a topic as of now, partition by partition."""
    # without a group it has all partitions of the topic from the start
    consumer: Any = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    async with consumer, asyncio.timeout(READ_DEADLINE_S):
        ends = await consumer.end_offsets(list(consumer.assignment()))
        records: list[Any] = []
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                records.append(await consumer.getone(partition))
        return records


async def read_json(bootstrap_servers: str, topic: str) -> list[dict[str, Any]]:
    """The values of all records of a topic as of now."""
    return [json.loads(record.value) for record in await read_all(bootstrap_servers, topic)]
