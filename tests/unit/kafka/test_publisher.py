"""The publisher with a producer that gets stuck, which no real broker can be made to cause at will."""

import asyncio
from typing import Any

import pytest

from consumer.kafka import publisher as module
from consumer.kafka.publisher import Publisher
from schemas.record import OutgoingRecord

RECORDS = [OutgoingRecord("created", b"key", f"{number}".encode(), ()) for number in range(4)]


class Producer:
    """As much of aiokafka's as the publisher uses; acknowledges at once."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Disconnect."""

    async def partitions_for(self, _topic: str) -> set[int]:
        """Any topic has one partition."""
        return {0}

    async def send(self, _topic: str, value: bytes, _key: bytes, **_headers: object) -> "asyncio.Future[object]":
        """Acknowledge."""
        self.sent.append(value)
        acknowledgement = asyncio.get_running_loop().create_future()
        acknowledgement.set_result(None)
        return acknowledgement


class SilentProducer(Producer):
    """Takes records until its batch is full, acknowledges none, and cannot be stopped."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    async def stop(self) -> None:
        """Never return."""
        await asyncio.Event().wait()

    async def send(self, _topic: str, value: bytes, _key: bytes, **_headers: object) -> "asyncio.Future[object]":
        """Take the record, or wait for room that never comes."""
        if len(self.sent) == self._room:
            await asyncio.Event().wait()
        self.sent.append(value)
        return asyncio.get_running_loop().create_future()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACKNOWLEDGE_S", 0.2)
    monkeypatch.setattr(module, "CLOSE_S", 0.01)


@pytest.mark.parametrize("room", [0, 2, 4], ids=["takes none", "takes some", "takes all"])
async def test_a_producer_that_acknowledges_nothing_is_replaced_and_the_records_go_out(room: int) -> None:
    silent, fresh = SilentProducer(room), Producer()
    producers: list[Any] = [silent, fresh]
    publisher = Publisher(lambda: producers.pop(0))
    assert all(await publisher.publish(RECORDS))
    assert await publisher.publish(RECORDS) == [None] * 4
    assert (len(silent.sent), fresh.sent) == (room, [b"0", b"1", b"2", b"3"])


async def test_a_producer_that_works_is_kept() -> None:
    only = Producer()
    producers: list[Any] = [only]
    publisher = Publisher(lambda: producers.pop(0))
    assert await publisher.publish(RECORDS) == await publisher.publish(RECORDS) == [None] * 4
    assert len(only.sent) == 8


async def test_values_are_framed_by_the_topic_they_go_to_and_nothing_else_is() -> None:
    producer: Any = Producer()
    publisher = Publisher(lambda: producer, {"created": b"\0\0\0\0\7"})
    others = [OutgoingRecord("dlq", b"key", b"whole", ()), OutgoingRecord("created", b"key", None, ())]

    assert await publisher.publish([RECORDS[0], *others]) == [None] * 3

    assert producer.sent == [b"\0\0\0\0\x070", b"whole", None]
