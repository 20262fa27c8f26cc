"""How far the consumer is, from its own metrics."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from devstack.demo.commands import Consumer
from devstack.demo.errors import DemoFailed

POLL_S = 0.1
EVENTS_OF_A_REJECTION = 2  # the failed event and the dead letter


@dataclass(frozen=True, slots=True)
class Progress:
    """What has become of the records so far."""

    new: int = 0
    duplicate: int = 0
    invalid: int = 0
    stored: int = 0
    rejected: int = 0
    published: int = 0

    @property
    def taken_in(self) -> int:
        """Records read from the topic."""
        return self.new + self.duplicate + self.invalid

    def is_complete(self, records: int) -> bool:
        """Whether `records` were read, and all that follows from them has been done."""
        handled = self.stored + self.rejected == self.new
        announced = self.published >= self.stored + EVENTS_OF_A_REJECTION * self.rejected
        return self.taken_in >= records and handled and announced


async def until_complete(
    consumer: Consumer, records: int, show: Callable[[Progress], None], *, deadline_s: float
) -> Progress:
    """Wait until the consumer is through with `records`, telling `show` how far it is.

    Raises:
        DemoFailed: it ended, the provider refuses the account, or it took too long.
    """
    give_up_at, progress = monotonic() + deadline_s, Progress()
    async with aiohttp.ClientSession() as session:
        while monotonic() < give_up_at:
            progress = await _progress(consumer, session)
            show(progress)
            if progress.is_complete(records):
                return progress
            _require_hope(consumer)
            await asyncio.sleep(POLL_S)
    raise DemoFailed(f"the consumer was not through with {records} records after {deadline_s:.0f} s: {progress}")


async def _progress(consumer: Consumer, session: aiohttp.ClientSession) -> Progress:
    listening = consumer.latest("ops.listening")
    if listening is None:
        return Progress()
    async with session.get(f"http://{listening['host']}:{listening['port']}/metrics") as answer:
        return read_progress(await answer.text())


def read_progress(exposition: str) -> Progress:
    """Read the counters in Prometheus' text format."""
    counts = {
        (sample.name, *sample.labels.values()): int(sample.value)
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if family.type == "counter"
    }
    return Progress(
        new=counts.get(("feed_records_total", "claimed"), 0),
        duplicate=counts.get(("feed_records_total", "duplicate"), 0),
        invalid=counts.get(("feed_records_total", "invalid"), 0),
        stored=counts.get(("feed_outcomes_total", "stored"), 0),
        rejected=counts.get(("feed_outcomes_total", "rejected"), 0),
        published=counts.get(("feed_events_published_total",), 0),
    )


def _require_hope(consumer: Consumer) -> None:
    consumer.require_running()
    retry = consumer.latest("feed.retry_later")
    if retry is not None and retry["reason"] == "llm_account_refused":
        raise DemoFailed(f"the provider refuses: {retry['detail']}")
