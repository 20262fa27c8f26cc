"""Publishing to Kafka: the only place that sends records, and that replaces a stuck producer."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, OutOfOrderSequenceNumber, ProducerFenced

from consumer.kafka.clients import renew_login
from consumer.kafka.rights import Operation, may_read_group, missing_rights
from consumer.kafka.topic_description import TopicDescription, describe_topic
from consumer.settings import KafkaSettings
from schemas.dead_letter import cut_dead_letter, is_dead_letter
from schemas.record import OutgoingRecord, pack_headers

log = structlog.get_logger()

Producer: TypeAlias = "AIOKafkaProducer"

ACKNOWLEDGE_S = 20.0
CLOSE_S = 5.0
TOPIC_LOOKUP_S = 2.0
CUT_TO_BYTES = (524_288, 65_536, 4_096)  # one after another, while the topic's limit is even smaller
UNFRAMED: Mapping[str, bytes] = MappingProxyType({})
_STUCK = (OutOfOrderSequenceNumber, ProducerFenced)


class PublishFailed(Exception):
    """The broker did not acknowledge a record, which may or may not have been written: send it again."""


class RecordTooLarge(PublishFailed):
    """The broker, or the client on its behalf, refuses a record of this size."""


class UnsendableRecord(PublishFailed):
    """The client cannot write this record, whatever the broker: a header's name is no text."""


class _OutOfSequence(PublishFailed):
    """The producer's numbering has a gap; another producer can send the record."""


class Publisher:
    """Sends records with acks=all; a record is sent once the broker has acknowledged it.

    An idempotent producer can get stuck on its sequence numbers (aiokafka #1017). One that reports this, or does not
    respond in time, is replaced before the next records are sent. `framings` are prefixes of values by topic.
    """

    def __init__(self, build_producer: Callable[[], Producer], framings: Mapping[str, bytes] = UNFRAMED) -> None:
        self._build_producer = build_producer
        self._framings = framings
        self._producer: Producer = build_producer()
        self._stuck = False
        self._replacing = asyncio.Lock()

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaError: no broker answers.
        """
        await self._producer.start()

    async def stop(self) -> None:
        """Flush and disconnect."""
        await self._producer.stop()

    def renew_login(self, settings: KafkaSettings) -> None:
        """Let later connections log in with the current settings."""
        renew_login(self._producer, settings)

    async def known_topics(self) -> set[str]:
        """Return the names of the topics that the broker has."""
        metadata = await self._producer.client.fetch_all_metadata()
        return set(metadata.topics())

    async def describe_topic(self, topic: str) -> TopicDescription:
        """Return the current state of a topic.

        Raises:
            KafkaError: the broker does not respond, or has no such topic.
        """
        return await describe_topic(self._producer.client, topic)

    async def missing_rights(self, topics: Mapping[str, Operation]) -> list[str]:
        """Return which of these operations the broker's ACLs do not allow.

        Raises:
            KafkaError: no broker answers.
        """
        return await missing_rights(self._producer.client, topics)

    async def may_read_group(self, group_id: str) -> bool:
        """Return whether the broker's ACLs let this user commit offsets for the group.

        Raises:
            KafkaError: no broker answers, or hides the group.
        """
        return await may_read_group(self._producer.client, group_id)

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[PublishFailed | None]:
        """Send records, in order within a partition; a dead letter that is too large is sent truncated.

        Returns one entry per record: None if it was acknowledged.
        """
        if self._framings:
            records = [self._framed(record) for record in records]
        results = await self._send_all(records)
        for most_bytes in CUT_TO_BYTES:
            refused = [
                place
                for place, (record, failure) in enumerate(zip(records, results, strict=True))
                if isinstance(failure, RecordTooLarge) and is_dead_letter(record)
            ]
            if not refused:
                break
            log.warning("publisher.dead_letters_cut", records=len(refused), most_bytes=most_bytes)
            cut = [cut_dead_letter(records[place], most_bytes=most_bytes) for place in refused]
            for place, result in zip(refused, await self._send_all(cut), strict=True):
                results[place] = result
        return results

    def _framed(self, record: OutgoingRecord) -> OutgoingRecord:
        framing = self._framings.get(record.topic)
        if framing is None or record.value is None:
            return record
        return replace(record, value=framing + record.value)

    async def _send_all(self, records: Sequence[OutgoingRecord]) -> list[PublishFailed | None]:
        """Send records; those refused as too large again, one by one, since brokers check whole batches."""
        results = await self._send_in_sequence(records)
        if len(records) == 1:
            return results
        refused_bytes: dict[str, int] = {}  # the size of the smallest that was refused alone, by topic
        for place, record in enumerate(records):
            if isinstance(results[place], RecordTooLarge) and _size(record) < refused_bytes.get(record.topic, math.inf):
                [results[place]] = await self._send_in_sequence([record])
                if isinstance(results[place], RecordTooLarge):
                    refused_bytes[record.topic] = _size(record)
        return results

    async def _send_in_sequence(self, records: Sequence[OutgoingRecord]) -> list[PublishFailed | None]:
        results = await self._send(records)
        # a refused record leaves a gap in the sequence numbers, and all later ones fail for good
        behind = [index for index, failure in enumerate(results) if isinstance(failure, _OutOfSequence)]
        again = await self._send([records[index] for index in behind]) if behind else []
        for index, result in zip(behind, again, strict=True):
            results[index] = result
        return results

    async def _send(self, records: Sequence[OutgoingRecord]) -> list[PublishFailed | None]:
        try:
            async with asyncio.timeout(ACKNOWLEDGE_S):
                producer = await self._working_producer()
                unknown = {topic for topic in {record.topic for record in records} if not await _knows(producer, topic)}
        except (KafkaError, OSError, TimeoutError) as error:
            return [_failed(error)] * len(records)
        results = iter(
            await self._acknowledged(producer, [record for record in records if record.topic not in unknown])
        )
        return [
            PublishFailed(f"the broker knows no topic {record.topic}") if record.topic in unknown else next(results)
            for record in records
        ]

    async def _acknowledged(self, producer: Producer, records: Sequence[OutgoingRecord]) -> list[PublishFailed | None]:
        deliveries: list[asyncio.Future[object]] = []
        try:
            async with asyncio.timeout(ACKNOWLEDGE_S):
                for record in records:
                    deliveries.append(await _begin(producer, record))  # noqa: PERF401 - keeps those sent in time
        except TimeoutError:
            # its batches are full and none is being sent
            self._stuck = True
        if deliveries:
            await asyncio.wait(deliveries, timeout=0 if self._stuck else ACKNOWLEDGE_S)
        not_begun = [PublishFailed("the producer takes no more records")] * (len(records) - len(deliveries))
        return [*map(self._result, deliveries), *not_begun]

    async def _working_producer(self) -> Producer:
        async with self._replacing:
            if self._stuck:
                log.warning("publisher.replacing_producer")
                old, self._producer = self._producer, self._build_producer()
                await _close(old)
                await self._producer.start()
                self._stuck = False
            return self._producer

    def _result(self, delivery: "asyncio.Future[object]") -> PublishFailed | None:
        if not delivery.done():
            self._stuck = True
            return PublishFailed(f"no acknowledgement within {ACKNOWLEDGE_S:g} s")
        error = asyncio.CancelledError() if delivery.cancelled() else delivery.exception()
        if error is None:
            return None
        if isinstance(error, _STUCK):
            self._stuck = True
            return _OutOfSequence(f"{type(error).__name__}: {error}")
        return _failed(error)


def error_type(failure: PublishFailed | None) -> str:
    """Return the label of a failure in metrics; empty if there is none."""
    return "" if failure is None else type(failure).__name__.removeprefix("_")


def _size(record: OutgoingRecord) -> int:
    return len(record.key or b"") + len(record.value or b"") + len(pack_headers(record.headers))


async def _knows(producer: Producer, topic: str) -> bool:
    """Return whether the broker has this topic: a missing one must not hold up records for others."""
    with suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(TOPIC_LOOKUP_S):
            return bool(await producer.partitions_for(topic))
    return False


async def _begin(producer: Producer, record: OutgoingRecord) -> "asyncio.Future[object]":
    """Add a record to the producer's batch; the future is its acknowledgement."""
    # aiokafka refuses a record with neither key nor value, so such a dead letter gets an empty value
    value = b"" if record.key is None and record.value is None else record.value
    delivery: asyncio.Future[object]
    try:
        delivery = await producer.send(record.topic, value, record.key, headers=list(record.headers))
    except (KafkaError, OSError, ValueError) as error:  # ValueError: the record itself cannot be written
        delivery = asyncio.get_running_loop().create_future()
        delivery.set_exception(error)
    return delivery


async def _close(producer: Producer) -> None:
    """Close a producer that may be stuck; its successor sends what it had not sent."""
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await producer.stop()


def _failed(error: BaseException) -> PublishFailed:
    if isinstance(error, MessageSizeTooLargeError):
        return RecordTooLarge(f"too large for the topic: {error}")
    if isinstance(error, UnicodeEncodeError):
        return UnsendableRecord(f"a header's name is no text: {error.reason}")
    return PublishFailed(f"{type(error).__name__}: {error}")
