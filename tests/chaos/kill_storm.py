"""`python -m tests.chaos.kill_storm`: consumers are killed, frozen, replaced, added and taken away under load.

Each kill is followed at once by a process that has its imports behind it, as an orchestrator with warm nodes
would have it. Measured is the longest time in which no event was taken in, and the longest time in which one
partition was passed over, from the first blow until the backlog has been taken in; and how many calls were billed
beyond one for each event. The settings are those of production, but for a lease short enough to see takeovers within
the minute. `rolling` replaces each process as a rollout does: its successor first, then SIGTERM.
"""

import asyncio
import itertools
import logging
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from rich.console import Console
from rich.table import Table

from devstack.ownership import dying_with_parent
from devstack.report import Report
from tests.chaos.parts import consumer_environment
from tests.chaos.producer import Upstream
from tests.chaos.servers import Servers, running_servers
from tests.chaos.traffic import RecordMaker
from tests.support.ledger_rows import count_feeds, query
from tests.support.waiting import eventually

Kind = Literal["kills", "one_kill", "freeze", "join_leave", "rolling"]
KINDS: tuple[Kind, ...] = ("kills", "one_kill", "freeze", "join_leave", "rolling")

KILLS, WITHIN_S = 8, 16.0
FREEZE_S = 30.0
STAY_S = 3.0
CALLS = 50  # in flight in all processes together: a hundred events a second
LATENCY = "constant:0.5"
DEADLINE_S = 180.0
WARM_UP_S = 2.0
LOOK_S = 0.2
EVENTS: Mapping[Kind, int] = {"kills": 3_000, "one_kill": 1_500, "freeze": 4_500, "join_leave": 3_000, "rolling": 3_000}
SETTINGS = {"LLM_TIMEOUT_S": "5", "LEASE_S": "6"}
WARM = "warm\n"
DROPPED = ("KAFKA_SESSION_TIMEOUT_S",)

_WARM = """
import importlib, sys
for name in ("consumer.lifecycle", "consumer.operations.cli.run", "consumer.cli.run"):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        pass
print("warm", flush=True)
if sys.stdin.readline():
    sys.argv = ["instagram-feed", "run"]
    from consumer.__main__ import main
    main()
"""


@dataclass(frozen=True, slots=True)
class Storm:
    """What one storm did: the longest pauses of the intake, in s, and the calls billed beyond one for each event."""

    kind: Kind
    processes: int
    without_intake_s: float
    partition_passed_over_s: float
    all_stored: bool
    paid_again: int


class Place:
    """Where one consumer runs; each kill is followed by the next of the processes that wait with their imports done."""

    def __init__(self, env: Mapping[str, str], log_path: Path, *, successors: int) -> None:
        self._env = env
        self._log_path = log_path
        self._waiting = [self._warm() for _ in range(1 + successors)]
        self._running: subprocess.Popen[bytes] | None = None
        self._replaced: list[subprocess.Popen[bytes]] = []

    @property
    def is_warm(self) -> bool:
        """Whether all that wait have their imports behind them."""
        return self._log_path.read_text().count(WARM) == len(self._waiting)

    def start(self) -> None:
        """Have the first process here begin."""
        self._running = self._waiting.pop()
        _go(self._running)

    def replace(self) -> None:
        """Kill the process and have its successor begin."""
        self.signal(signal.SIGKILL)
        self.start()

    async def roll(self) -> None:
        """Have a successor begin, then ask the process to stop: it may end what it has begun."""
        if self._running is not None:
            self._replaced.append(self._running)
        self.start()
        await asyncio.sleep(STAY_S)
        self._replaced[-1].terminate()

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        if self._running is not None:
            self._running.send_signal(number)

    def end(self) -> None:
        """Kill all of them."""
        for process in filter(None, (self._running, *self._replaced, *self._waiting)):
            process.kill()
            process.wait()

    def _warm(self) -> "subprocess.Popen[bytes]":
        with self._log_path.open("ab") as log:
            return subprocess.Popen(
                [*dying_with_parent(signal.SIGKILL), sys.executable, "-c", _WARM],
                env=dict(self._env),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )


def _go(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    process.stdin.flush()


@asynccontextmanager
async def _places(servers: Servers, count: int, victims: Sequence[int], folder: Path) -> AsyncIterator[list[Place]]:
    env = {
        **{name: value for name, value in consumer_environment(servers).items() if name not in DROPPED},
        **SETTINGS,
        "MAX_IN_FLIGHT": f"{CALLS // count}",
    }
    places: list[Place] = []
    with ExitStack() as stack:
        for number in range(count + 1):
            log_path = folder / f"consumer-{number}.log"
            places.append(Place(env, log_path, successors=victims.count(number)))
            stack.callback(places[-1].end)
        await eventually(lambda: all(place.is_warm for place in places), DEADLINE_S)
        yield places


async def storm(
    kind: Kind, processes: int, seed: int, folder: Path, report: Report, *, broker: str | None = None
) -> Storm:
    """One storm on servers of its own, but for the broker if the address of one is given.

    Raises:
        AssertionError: the consumers did not begin within the deadline.
    """
    async with running_servers(folder, latency=LATENCY, seed=seed, report=report, broker=broker) as servers:
        upstream, maker = Upstream(servers.kafka.address, servers.topics.incoming), RecordMaker(f"storm {seed}")
        random = Random(seed)
        victims = _victims(kind, processes, random)
        async with _places(servers, processes, victims, folder) as places:
            for place in places[:processes]:
                place.start()
            await upstream.send([maker.valid() for _ in range(EVENTS[kind])])
            await upstream.stop()
            await eventually(lambda: _taken_in(servers), DEADLINE_S)
            await asyncio.sleep(WARM_UP_S)
            began_s = time.time()
            await _strike(kind, places, processes, victims, random)
            finished = await _until_all_stored(servers, EVENTS[kind])
        calls = await servers.llm.ledger_summary()
        times = await query(
            servers.postgres.address,
            "SELECT extract(epoch FROM created_at)::float8 AS at_s, source_partition AS partition"
            " FROM feed_requests ORDER BY created_at",
        )
        moments = [(row["at_s"], row["partition"]) for row in times]
        return Storm(
            kind,
            processes,
            longest_pause_s([at_s for at_s, _ in moments], began_s),
            max(
                longest_pause_s([at_s for at_s, partition in moments if partition == one], began_s)
                for one in {partition for _, partition in moments}
            ),
            finished,
            calls.billed_calls - EVENTS[kind],
        )


def _victims(kind: Kind, processes: int, random: Random) -> list[int]:
    """Whose successors are needed, in the order in which they are."""
    match kind:
        case "kills":
            return [random.randrange(processes) for _ in range(KILLS)]
        case "rolling":
            return list(range(processes))
        case _:
            return []


def longest_pause_s(at_s: Sequence[float], since_s: float) -> float:
    """The longest time between two of these moments, in their order, that ended after `since_s`."""
    pauses = [later - earlier for earlier, later in itertools.pairwise(at_s) if later > since_s]
    return max(pauses, default=0.0)


async def _strike(kind: Kind, places: Sequence[Place], processes: int, victims: Sequence[int], random: Random) -> None:
    match kind:
        case "kills":
            moments_s = sorted(random.uniform(0, WITHIN_S) for _ in range(KILLS))
            for victim, (before_s, at_s) in zip(victims, itertools.pairwise([0.0, *moments_s]), strict=True):
                await asyncio.sleep(at_s - before_s)
                places[victim].replace()
        case "one_kill":
            places[0].signal(signal.SIGKILL)
        case "freeze":
            places[0].signal(signal.SIGSTOP)
            await asyncio.sleep(FREEZE_S)
            places[0].signal(signal.SIGCONT)
        case "rolling":
            for place in places[:processes]:
                await place.roll()
                await asyncio.sleep(STAY_S)
        case "join_leave":
            newcomer = places[processes]
            newcomer.start()
            await asyncio.sleep(2 * STAY_S)
            newcomer.signal(signal.SIGTERM)
            await asyncio.sleep(STAY_S)
            places[0].signal(signal.SIGTERM)
            await asyncio.sleep(STAY_S)


async def _taken_in(servers: Servers) -> int:
    [row] = await query(servers.postgres.address, "SELECT count(*) AS count FROM feed_requests")
    return int(row["count"])


async def _until_all_stored(servers: Servers, events: int) -> bool:
    give_up_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < give_up_s:
        if await count_feeds(servers.postgres.address) >= events:
            return True
        await asyncio.sleep(LOOK_S)
    return False


def storms_table(storms: Sequence[Storm]) -> Table:
    """One line for each kind and number of processes: median and worst."""
    table = Table(
        "storm", "processes", "times", "without intake, s", "worst", "partition passed over, s", "worst", "paid again"
    )
    groups = sorted({(one.kind, one.processes) for one in storms})
    for kind, processes in groups:
        alike = [one for one in storms if (one.kind, one.processes) == (kind, processes)]
        overall = [one.without_intake_s for one in alike]
        single = [one.partition_passed_over_s for one in alike]
        table.add_row(
            kind,
            f"{processes}",
            f"{len(alike)}",
            f"{statistics.median(overall):.2f}",
            f"{max(overall):.2f}",
            f"{statistics.median(single):.2f}",
            f"{max(single):.2f}",
            f"{max(one.paid_again for one in alike)}",
        )
    return table


def main() -> int:
    """Storm after storm; the exit code says whether every event became a post."""
    parser = ArgumentParser(prog="python -m tests.chaos.kill_storm", description=__doc__)
    parser.add_argument("--storms", type=int, default=1)
    parser.add_argument("--processes", type=int, nargs="+", default=[2])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["kills"])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console, folder = Console(), Path(tempfile.mkdtemp(prefix="kill-storm-"))
    console.print(f"logs in {folder}", highlight=False)
    done: list[Storm] = []
    for number, kind, processes in itertools.product(range(options.storms), options.kinds, options.processes):
        seed = options.seed + number
        where = folder / f"{kind}-{processes}-{seed}"
        where.mkdir()
        done.append(asyncio.run(storm(kind, processes, seed, where, lambda _: None)))
        console.print(done[-1], highlight=False)
    console.print(storms_table(done))
    return 0 if all(one.all_stored for one in done) else 1


if __name__ == "__main__":
    sys.exit(main())
