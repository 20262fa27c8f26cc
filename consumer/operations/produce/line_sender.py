"""Sending lines to Kafka at a given pace, counting what the broker acknowledged."""

import asyncio
from collections.abc import AsyncIterable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field

from consumer.kafka.publisher import PublishFailed
from consumer.operations.produce.event_lines import EventLine, record_of
from schemas.record import OutgoingRecord

MOST_AT_ONCE = 500
STEPS_PER_SECOND = 20  # a paced file goes out in so many even steps
PATIENCE_S = 10.0

Publish = Callable[[Sequence[OutgoingRecord]], Coroutine[None, None, list[PublishFailed | None]]]
"""Sends records and says of each why it was not acknowledged, None if it was."""


@dataclass(slots=True)
class SendCounts:
    """What has become of the lines so far; `failures` says by line number why the broker has it not."""

    sent: int = 0
    blank: int = 0
    without_key: int = 0
    failures: dict[int, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How many lines have been dealt with."""
        return self.sent + self.blank + len(self.failures)


class BrokerSilent(Exception):
    """The broker acknowledges nothing any more; the rest of the lines was not tried."""


class LineSender:
    """Sends to one topic; `rate` is events per second, None as fast as the broker acknowledges."""

    def __init__(self, publish: Publish, *, topic: str, rate: float | None) -> None:
        self.tally = SendCounts()
        self._publish = publish
        self._topic = topic
        self._rate = rate
        self._due_at = 0.0

    async def send(self, batches: AsyncIterable[Sequence[EventLine]], report: Callable[[SendCounts], None]) -> None:
        """Send all lines but blank ones; `report` gets the tally after each step.

        When cancelled it ends after the step that is under way, so that the tally is right.

        Raises:
            BrokerSilent: a whole step was not acknowledged for long.
        """
        async for batch in batches:
            lines = [line for line in batch if not line.is_blank]
            self.tally.blank += len(batch) - len(lines)
            for step in _steps(lines, self._rate):
                await self._wait_for_turn(len(step))
                await _to_its_end(self._send_step(step))
                report(self.tally)

    async def _wait_for_turn(self, lines: int) -> None:
        if self._rate is None:
            return
        now = _now()
        await asyncio.sleep(self._due_at - now)
        # what was late stays late: catching up would be a burst faster than the rate
        self._due_at = max(self._due_at, now) + lines / self._rate

    async def _send_step(self, lines: Sequence[EventLine]) -> None:
        began = _now()
        records = [record_of(line, topic=self._topic) for line in lines]
        results = await self._publish(records)
        failures = {line.number: str(result) for line, result in zip(lines, results, strict=True) if result}
        self.tally.sent += len(lines) - len(failures)
        self.tally.without_key += sum(record.key is None for record in records)
        self.tally.failures |= failures
        if len(failures) == len(lines) and _now() - began > PATIENCE_S:
            raise BrokerSilent(failures[lines[0].number])


async def accept_all(records: Sequence[OutgoingRecord]) -> list[PublishFailed | None]:
    """Stand for a broker where nothing is to be sent."""
    return [None] * len(records)


def _now() -> float:
    """Return the clock by which the loop sleeps."""
    return asyncio.get_running_loop().time()


def _steps(lines: Sequence[EventLine], rate: float | None) -> Iterator[Sequence[EventLine]]:
    size = MOST_AT_ONCE if rate is None else max(1, min(MOST_AT_ONCE, round(rate / STEPS_PER_SECOND)))
    return (lines[start : start + size] for start in range(0, len(lines), size))


async def _to_its_end(step: Coroutine[None, None, None]) -> None:
    """Do a step; a cancellation waits for its end."""
    task = asyncio.ensure_future(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
