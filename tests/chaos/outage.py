"""`python -m tests.chaos.outage`: the provider refuses the key for ten minutes while 1,000 events wait.

The outage is to cost nothing but its time. `MAX_ATTEMPTS=1` leaves no room for doubt: one attempt
counted would be one dead letter.
"""

import asyncio
import logging
import sys
import tempfile
import time
from argparse import ArgumentParser
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from devstack.report import Report
from tests.chaos.fleet import Consumer, kept_running
from tests.chaos.parts import consumer_environment
from tests.chaos.producer import Upstream
from tests.chaos.servers import Servers, running_servers
from tests.chaos.traffic import RecordMaker
from tests.support.kafka_records import read_all
from tests.support.ledger_rows import count_feeds, query
from tests.support.waiting import eventually

MINUTES = 10.0
EVENTS = 1_000
LATENCY = "constant:0.2"
# as in production, but for the attempts
SETTINGS = {"LLM_TIMEOUT_S": "60", "LEASE_S": "90", "MAX_IN_FLIGHT": "200", "MAX_ATTEMPTS": "1"}
DRAIN_DEADLINE_S = 150.0


@dataclass(frozen=True, slots=True)
class Outage:
    """What an outage cost, and what came after it."""

    minutes: float
    events: int
    refused_calls: int
    attempts_used: int
    dead_letters: int
    failed_events: int
    drained_after_s: float
    rows: int
    billed_calls: int

    @property
    def cost_nothing(self) -> bool:
        """Whether each event ended as a row with one call paid for, and no attempt was counted."""
        lost = self.attempts_used + self.dead_letters + self.failed_events
        return lost == 0 and self.rows == self.billed_calls == self.events


async def outage(minutes: float, events: int, folder: Path, *, report: Report) -> Outage:
    """Have a consumer meet a refused key for so long, then put it right and wait until all is written.

    Raises:
        AssertionError: not all was written within the deadline.
    """
    async with running_servers(folder, latency=LATENCY, seed=1, report=report) as servers:
        await servers.llm.set_faults({"kind": "unauthorized"})
        upstream, maker = Upstream(servers.kafka.address, servers.topics.incoming), RecordMaker("outage")
        await upstream.send([maker.valid() for _ in range(events)])
        await upstream.stop()
        consumer = Consumer(0, consumer_environment(servers) | SETTINGS, folder / "consumer.log")
        async with kept_running([consumer]):
            await consumer.until_started()
            await _refused_for(minutes, servers, report)
            refused_calls = (await servers.llm.ledger_summary()).total_calls
            await servers.llm.set_faults()
            drained_after_s = await _drained(servers, events)
        return await _outcome(servers, minutes, events, refused_calls, drained_after_s)


async def _refused_for(minutes: float, servers: Servers, report: Report) -> None:
    ends_at_s = time.monotonic() + 60 * minutes
    while (left_s := ends_at_s - time.monotonic()) > 0:
        await asyncio.sleep(min(60.0, left_s))
        calls = (await servers.llm.ledger_summary()).total_calls
        report(f"{max(0.0, ends_at_s - time.monotonic()) / 60:.0f} minutes left, {calls} calls refused")


async def _drained(servers: Servers, events: int) -> float:
    """Wait until all is written and published; gives how many seconds that took."""
    put_right_at_s = time.monotonic()

    async def all_written() -> bool:
        unpublished = await query(servers.postgres.address, "SELECT 1 FROM outbox_events")
        return not unpublished and await count_feeds(servers.postgres.address) == events

    await eventually(all_written, DRAIN_DEADLINE_S)
    return round(time.monotonic() - put_right_at_s, 1)


async def _outcome(servers: Servers, minutes: float, events: int, refused_calls: int, drained_after_s: float) -> Outage:
    [ledger] = await query(servers.postgres.address, "SELECT sum(attempts) AS attempts FROM feed_requests")
    return Outage(
        minutes=minutes,
        events=events,
        refused_calls=refused_calls,
        attempts_used=int(ledger["attempts"]),
        dead_letters=len(await read_all(servers.kafka.address, servers.topics.dead_letter)),
        failed_events=len(await read_all(servers.kafka.address, servers.topics.failed)),
        drained_after_s=drained_after_s,
        rows=await count_feeds(servers.postgres.address),
        billed_calls=(await servers.llm.ledger_summary()).billed_calls,
    )


def outage_table(found: Outage) -> Table:
    """One line for each figure."""
    table = Table("", "", show_header=False)
    for name, figure in asdict(found).items():
        table.add_row(name.replace("_", " "), f"{figure:g}")
    return table


def main() -> int:
    """Run once; the exit code says whether the outage cost nothing but its time."""
    parser = ArgumentParser(prog="python -m tests.chaos.outage", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="how long the provider refuses the key")
    parser.add_argument("--events", type=int, default=EVENTS, help="how many events wait meanwhile")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console, folder = Console(), Path(tempfile.mkdtemp(prefix="outage-"))
    console.print(f"logs in {folder}", highlight=False)
    found = asyncio.run(outage(options.minutes, options.events, folder, report=console.print))
    console.print(outage_table(found))
    return 0 if found.cost_nothing else 1


if __name__ == "__main__":
    sys.exit(main())
