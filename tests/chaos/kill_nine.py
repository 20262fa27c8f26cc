"""`python -m tests.chaos.kill_nine`: kill -9 with 100 calls in flight, again and again, and what it costs.

The provider bills a call although its client is gone. So each kill pays for the calls in flight once
more, unless the provider keeps completions (LLM_STORE_RESPONSES) and the takeover finds them there.
"""

import asyncio
import logging
import signal
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from devstack.report import Report
from tests.chaos.fleet import Consumer, kept_running
from tests.chaos.observers import Rows
from tests.chaos.parts import consumer_environment
from tests.chaos.producer import Upstream
from tests.chaos.servers import Servers, running_servers
from tests.chaos.traffic import RecordMaker
from tests.support.waiting import eventually

KILLS = 20
CALLS = 100
# Two thirds of the lease are left at least when a process dies, and a call under way must be stored by then.
LATENCY_S = 4.0
LEASE_S = 8.0
LATENCY_AFTERWARDS_S = 0.2
DEADLINE_S = 120.0
SETTINGS = {"LLM_TIMEOUT_S": "30", "LEASE_S": f"{LEASE_S}", "MAX_IN_FLIGHT": f"{CALLS}"}


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: how many calls were in flight, what was billed and stored since the kill before."""

    in_flight: int
    billed: int
    rows: int

    @property
    def paid_again(self) -> int:
        """Calls billed beyond one for each row."""
        return self.billed - self.rows


async def kill_again_and_again(
    kills: int, folder: Path, *, store_responses: bool, report: Report, broker: str | None = None
) -> list[Kill]:
    """Kill a consumer `kills` times with all its slots in flight; each time the next one finishes the work.

    Without the address of a broker it has one of its own.

    Raises:
        AssertionError: the calls were not in flight, or the work was not finished, within the deadline.
    """
    latency = f"constant:{LATENCY_S}"
    async with running_servers(folder, latency=latency, seed=1, report=report, broker=broker) as servers:
        store = {"LLM_STORE_RESPONSES": str(store_responses).lower()}
        environment = consumer_environment(servers) | SETTINGS | store
        consumer = Consumer(0, environment, folder / "consumer.log")
        upstream = Upstream(servers.kafka.address, servers.topics.incoming)
        maker = RecordMaker("kill nine")
        done: list[Kill] = []
        async with kept_running([consumer]):
            for number in range(1, kills + 1):
                done.append(await _kill_once(servers, consumer, upstream, maker))
                report(f"kill {number}: {done[-1].in_flight} in flight, {done[-1].paid_again} paid again")
        await upstream.stop()
        return done


async def _kill_once(servers: Servers, consumer: Consumer, upstream: Upstream, maker: RecordMaker) -> Kill:
    llm, rows = servers.llm, Rows(servers.postgres.address)
    await consumer.until_started()
    await llm.set_latency(f"constant:{LATENCY_S}")
    billed, stored = (await llm.ledger_summary()).billed_calls, len(await rows.feeds())
    await upstream.send([maker.valid() for _ in range(CALLS)])

    async def all_in_flight() -> bool:
        return (await llm.ledger_summary()).in_flight_calls == CALLS

    await eventually(all_in_flight, DEADLINE_S)
    await consumer.end(signal.SIGKILL)
    in_flight = (await llm.ledger_summary()).in_flight_calls
    await llm.set_latency(f"constant:{LATENCY_AFTERWARDS_S}")
    consumer.want()

    async def all_stored() -> bool:
        return len(await rows.feeds()) == stored + CALLS and (await llm.ledger_summary()).in_flight_calls == 0

    await eventually(all_stored, DEADLINE_S)
    # what the dead process left to be published is published by its successor when its lease has run out
    return Kill(in_flight, (await llm.ledger_summary()).billed_calls - billed, len(await rows.feeds()) - stored)


def kills_table(kills: Sequence[Kill], *, store_responses: bool) -> Table:
    """One line for each kill, and their sum."""
    table = Table("kill", "in flight", "rows", "billed calls", "paid again")
    table.title = f"kill -9, LLM_STORE_RESPONSES={str(store_responses).lower()}"
    for number, kill in enumerate(kills, 1):
        table.add_row(*map(str, (number, kill.in_flight, kill.rows, kill.billed, kill.paid_again)))
    sums = (
        sum(kill.rows for kill in kills),
        sum(kill.billed for kill in kills),
        sum(kill.paid_again for kill in kills),
    )
    table.add_row("all", "", *map(str, sums))
    return table


def main() -> int:
    """Both ways; the exit code says whether the bounds hold."""
    parser = ArgumentParser(prog="python -m tests.chaos.kill_nine", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console()
    within_bounds = True
    for store_responses, most in ((False, CALLS), (True, 0)):
        folder = Path(tempfile.mkdtemp(prefix="kill-nine-"))
        console.print(f"logs in {folder}", highlight=False)
        kills = asyncio.run(
            kill_again_and_again(options.kills, folder, store_responses=store_responses, report=console.print)
        )
        console.print(kills_table(kills, store_responses=store_responses))
        within_bounds = within_bounds and all(kill.paid_again <= most for kill in kills)
    return 0 if within_bounds else 1


if __name__ == "__main__":
    sys.exit(main())
