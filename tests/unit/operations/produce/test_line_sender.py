import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from consumer.kafka.publisher import PublishFailed
from consumer.operations.produce.event_lines import EventLine
from consumer.operations.produce.line_sender import PATIENCE_S, BrokerSilent, LineSender, SendCounts
from schemas.record import OutgoingRecord
from tests.support.virtual_time import in_virtual_time

TOPIC = "overlay.completed"


class Broker:
    """Acknowledges after `takes_s` all but the values it refuses; notes when which record came."""

    def __init__(self, *, takes_s: float = 0.0, refuses: Sequence[bytes] = ()) -> None:
        self.received: list[tuple[float, bytes | None]] = []
        self._takes_s = takes_s
        self._refuses = refuses

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[PublishFailed | None]:
        """As the publisher's."""
        now_s = asyncio.get_running_loop().time()
        self.received += [(now_s, record.value) for record in records]
        await asyncio.sleep(self._takes_s)
        return [PublishFailed("too large") if record.value in self._refuses else None for record in records]


async def batches(*values: Sequence[bytes]) -> AsyncIterator[list[EventLine]]:
    number = 0
    for batch in values:
        yield [EventLine(number + place, value) for place, value in enumerate(batch, 1)]
        number += len(batch)


def unheard(_: SendCounts) -> None:
    """Nobody looks at the progress."""


@in_virtual_time
async def test_blank_lines_are_left_out_and_refused_ones_named_by_number() -> None:
    broker = Broker(refuses=[b"big"])
    sender = LineSender(broker.publish, topic=TOPIC, rate=None)

    await sender.send(batches([b'{"overlay_id": "a"}', b" ", b"big"], [b"last"]), unheard)

    assert [value for _, value in broker.received] == [b'{"overlay_id": "a"}', b"big", b"last"]
    assert sender.tally == SendCounts(sent=2, blank=1, without_key=2, failures={3: "too large"})


@in_virtual_time
async def test_no_second_sees_more_lines_than_the_rate() -> None:
    broker = Broker(takes_s=0.01)
    sender = LineSender(broker.publish, topic=TOPIC, rate=50)

    await sender.send(batches([b"x"] * 200), unheard)

    moments = [moment_s for moment_s, _ in broker.received]
    assert max(moments) == pytest.approx(4, rel=0.05)
    assert all(sum(start <= moment < start + 1 for moment in moments) <= 52 for start in moments)


@in_virtual_time
async def test_what_came_late_is_not_made_up_for_by_a_burst() -> None:
    broker = Broker()

    async def late() -> AsyncIterator[list[EventLine]]:
        yield [EventLine(1, b"first")]
        await asyncio.sleep(60)
        yield [EventLine(number, b"x") for number in range(2, 12)]

    await LineSender(broker.publish, topic=TOPIC, rate=1).send(late(), unheard)

    moments = [moment_s for moment_s, _ in broker.received]
    assert moments == pytest.approx([0, *range(60, 70)])


@in_virtual_time
async def test_a_cancellation_waits_for_the_lines_under_way() -> None:
    broker = Broker(takes_s=1)
    sender = LineSender(broker.publish, topic=TOPIC, rate=10)
    sending = asyncio.create_task(sender.send(batches([b"x"] * 100), unheard))
    await asyncio.sleep(2.5)

    sending.cancel()
    await asyncio.wait([sending])

    assert sending.cancelled()
    assert sender.tally.sent == len(broker.received) == 3


@in_virtual_time
async def test_a_broker_that_acknowledges_nothing_for_long_ends_it() -> None:
    broker = Broker(takes_s=PATIENCE_S + 1, refuses=[b"x"])

    with pytest.raises(BrokerSilent):
        await LineSender(broker.publish, topic=TOPIC, rate=1).send(batches([b"x"] * 5), unheard)

    assert len(broker.received) == 1
