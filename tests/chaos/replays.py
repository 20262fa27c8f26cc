"""`python -m tests.chaos.replays`: thousands of events replayed in each mode, killed in the middle, by two at once.

In each mode one replay is killed (-9) after it has entered a part, two at once go on and finish it, and it is run
once more. Afterwards there must be what one undisturbed replay would have left.
"""

import asyncio
import logging
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from bench.topics import existing_topics
from devstack.report import Report
from tests.chaos.fleet import Consumer, kept_running
from tests.chaos.parts import consumer_environment
from tests.chaos.producer import Upstream
from tests.chaos.servers import Servers, running_servers
from tests.chaos.traffic import RecordMaker, TrafficRecord
from tests.integration.operations.cli.conftest import Commands
from tests.support.kafka_records import read_all
from tests.support.ledger_rows import count_feeds, query
from tests.support.waiting import eventually

EVENTS = 5_000
PARTITIONS = 6
LIVE_EVENTS = 200
"""Posts written before, which the estimates go by."""
PART_BEFORE_KILL = 5
MOST_OFF = 0.15
DEADLINE_S = 180.0
SETTINGS = {"LLM_TIMEOUT_S": "60", "LEASE_S": "90", "MAX_IN_FLIGHT": "200"}
MODES = {"missing": (1, 1, 1), "republish": (1, 1, 2), "regenerate": (2, 2, 3)}
"""How many rows, billed calls and created events there are of each overlay after each mode, in this order."""
_ENTERED = """
    SELECT (SELECT count(*) FROM feed_requests WHERE replay_id = $1)
        + (SELECT count(*) FROM replay_republished WHERE replay_id = $1) AS count
"""


@dataclass(frozen=True, slots=True)
class ModeResult:
    """What there was after a mode."""

    mode: str
    events: int
    entered_at_kill: int
    rows: int
    billed_calls: int
    created_events: int
    different_events: int
    fewest_of_an_overlay: int
    entered_by_another_run: int
    estimated_usd: float
    spent_usd: float
    seconds: float

    @property
    def wrong(self) -> list[str]:
        """A line for each figure that is not as it should be."""
        rows, calls, copies = MODES[self.mode]
        figures = {
            "rows": (self.rows, rows * self.events),
            "billed calls": (self.billed_calls, calls * self.events),
            "created events": (self.created_events, copies * self.events),
            "different ones": (self.different_events, rows * self.events),
            "fewest of an overlay": (self.fewest_of_an_overlay, copies),
            "entered by another run": (self.entered_by_another_run, 0),
        }
        wrong = [f"{what}: {found}, not {wanted}" for what, (found, wanted) in figures.items() if found != wanted]
        if not 0 < self.entered_at_kill < self.events:
            wrong.append(f"killed after {self.entered_at_kill} were entered, which is not the middle")
        if abs(self.estimated_usd - self.spent_usd) > MOST_OFF * self.spent_usd:
            wrong.append(f"estimated USD {self.estimated_usd}, spent {self.spent_usd}")
        return wrong


class Archive:
    """A topic of events that no consumer reads, and what became of them."""

    def __init__(self, servers: Servers, commands: Commands, topic: str, records: Sequence[TrafficRecord]) -> None:
        self._servers = servers
        self._commands = commands
        self._topic = topic
        self._keys = {record.key for record in records}

    async def replay(self, mode: str) -> ModeResult:
        """Replay all in a mode, killed, twice at once, and once more."""
        began_s = time.monotonic()
        planned = await self._run(mode, "--dry-run")
        entered_at_kill = await self._killed(mode, planned["replay_id"])
        both = await asyncio.gather(self._run(mode), self._run(mode))
        seconds = time.monotonic() - began_s
        again = await self._run(mode)
        created = await self._created()
        return ModeResult(
            mode=mode,
            events=len(self._keys),
            entered_at_kill=entered_at_kill,
            rows=await count_feeds(self._servers.postgres.address) - LIVE_EVENTS,
            billed_calls=(await self._servers.llm.ledger_summary()).billed_calls - LIVE_EVENTS,
            created_events=sum(map(len, created.values())),
            different_events=sum(len({(one.value, one.headers) for one in copies}) for copies in created.values()),
            fewest_of_an_overlay=min(map(len, created.values())),
            entered_by_another_run=again["to_do"],
            estimated_usd=float(planned["estimate"]["cost_usd"]),
            spent_usd=float(both[0]["progress"]["cost_usd"]),
            seconds=seconds,
        )

    async def _run(self, mode: str, *options: str) -> dict[str, Any]:
        ended = await self._commands.run(*self._command(mode), *options)
        if ended.exit_code:
            raise AssertionError(ended.errors)
        document: dict[str, Any] = ended.document
        return document

    def _command(self, mode: str) -> tuple[str, ...]:
        return ("replay", "--topic", self._topic, "--mode", mode, "--yes", "--json")

    async def _killed(self, mode: str, replay_id: str) -> int:
        """Kill a replay when it has entered a part; gives how many that were."""
        process = await self._commands.start(*self._command(mode))

        async def entered() -> int:
            [found] = await query(self._servers.postgres.address, _ENTERED, replay_id)
            return int(found["count"])

        while await entered() < len(self._keys) // PART_BEFORE_KILL:
            if process.returncode is not None:
                raise AssertionError("the replay ended before it could be killed")
            await asyncio.sleep(0)
        process.kill()
        await process.wait()
        return await entered()

    async def _created(self) -> dict[bytes, list[Any]]:
        """The created events by overlay, once nothing is left to publish."""

        async def all_published() -> bool:
            return not await query(self._servers.postgres.address, "SELECT 1 FROM outbox_events LIMIT 1")

        await eventually(all_published, DEADLINE_S)
        created: dict[bytes, list[Any]] = {key: [] for key in self._keys}
        for record in await read_all(self._servers.kafka.address, self._servers.topics.created):
            if record.key in created:
                created[record.key].append(record)
        return created


async def replay_in_each_mode(events: int, folder: Path, report: Report) -> list[ModeResult]:
    """Replay an archive in each mode beside a running consumer.

    Raises:
        AssertionError: a replay refused, or something did not come about within its deadline.
    """
    async with running_servers(folder, latency="constant:0.2", seed=1, report=report) as servers:
        topic, maker = f"archive.{uuid4().hex[:12]}", RecordMaker("archive")
        environment = consumer_environment(servers) | SETTINGS
        consumer = Consumer(0, environment, folder / "consumer.log")
        async with existing_topics(servers.kafka.address, [topic], partitions=PARTITIONS), kept_running([consumer]):
            await _send(servers, servers.topics.incoming, [maker.valid() for _ in range(LIVE_EVENTS)])
            records = [maker.valid() for _ in range(events)]
            await _send(servers, topic, records)

            async def live_ones_written() -> bool:
                return await count_feeds(servers.postgres.address) == LIVE_EVENTS

            await eventually(live_ones_written, DEADLINE_S)
            archive = Archive(servers, Commands(environment, folder), topic, records)
            results = []
            for mode in MODES:
                results.append(await archive.replay(mode))
                report(f"{mode}: {'; '.join(results[-1].wrong) or 'as it should be'}")
            return results


async def _send(servers: Servers, topic: str, records: Sequence[TrafficRecord]) -> None:
    upstream = Upstream(servers.kafka.address, topic)
    await upstream.send(records)
    await upstream.stop()


def results_table(results: Sequence[ModeResult]) -> Table:
    """One column for each mode; counts are those after it."""
    table = Table("after mode", *(result.mode for result in results))
    for field in fields(ModeResult)[1:]:
        table.add_row(field.name.replace("_", " "), *(f"{getattr(result, field.name):,.6g}" for result in results))
    return table


def main() -> int:
    """Run once; the exit code says whether all counts are as they should be."""
    parser = ArgumentParser(prog="python -m tests.chaos.replays", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="how many events are replayed")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console, folder = Console(), Path(tempfile.mkdtemp(prefix="replays-"))
    console.print(f"logs in {folder}", highlight=False)
    results = asyncio.run(replay_in_each_mode(options.events, folder, console.print))
    console.print(results_table(results))
    return 1 if any(result.wrong for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
