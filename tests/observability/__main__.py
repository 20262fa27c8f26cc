"""`python -m tests.observability`: a consumer under load, scraped by a real Prometheus.

First with the interval and the rules as they are: each expression of the dashboard and of the rules has to return data
at the end. Then one fault after the other, until its alert fires, and until it is gone again. For these all ranges and
holds of the rules, and the interval of scrapes with them, are shorter by the same factor (`--times-faster`).
"""

import asyncio
import logging
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from contextlib import AsyncExitStack
from pathlib import Path

from devstack.errors import StackError
from tests.chaos.parts import consumer_environment
from tests.chaos.servers import Servers, running_servers
from tests.observability.expressions import RULES, asked, faster
from tests.observability.faults import CASES, Case
from tests.observability.prometheus import PROMETHEUS, Prometheus, running_prometheus
from tests.observability.traffic import Traffic, steady_traffic
from tests.support.consumer_process import ConsumerProcess, running_consumer
from tests.support.waiting import eventually

EXIT_MISSED = 1
EXIT_NO_SERVERS = 2
SCRAPE_S = 15.0
FIRE_DEADLINE_S = 420.0
CLEAR_DEADLINE_S = 300.0


def main() -> int:
    """Run once; the exit code says whether all was seen."""
    parser = ArgumentParser(prog="python -m tests.observability", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long it is scraped before the faults")
    parser.add_argument("--times-faster", type=int, default=5, help="how much rules are sped up for the faults")
    options = parser.parse_args()
    if PROMETHEUS is None:
        parser.error("it needs the program prometheus on the PATH (Debian's package of that name)")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="observability-"))
    say(f"logs and data in {folder}")
    try:
        missed = asyncio.run(_run(folder, options))
    except StackError as error:
        say(str(error))
        return EXIT_NO_SERVERS
    for one in missed:
        say(f"missed: {one}")
    say("all seen" if not missed else f"{len(missed)} missed")
    return EXIT_MISSED if missed else 0


def say(line: str) -> None:
    """Write a line with the time."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


async def _run(folder: Path, options: Namespace) -> list[str]:
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(
            running_servers(folder, latency="lognormal:1.5:0.3", seed=1, report=say)
        )
        consumer = await stack.enter_async_context(running_consumer(consumer_environment(servers)))
        traffic = await stack.enter_async_context(steady_traffic(servers))
        target = f"127.0.0.1:{consumer.events('ops.listening')[0]['port']}"
        rules, times = RULES.read_text(), options.times_faster
        async with running_prometheus(folder / "load", target=target, rules=rules, interval_s=SCRAPE_S) as prometheus:
            say(f"{options.minutes:g} minutes under load, scraped every {SCRAPE_S:g} s")
            await asyncio.sleep(options.minutes * 60)
            missed = await _without_data(prometheus)
            if firing := await prometheus.firing():
                missed.append(f"no alert under load alone: {', '.join(sorted(firing))}")
        async with running_prometheus(
            folder / "faults", target=target, rules=faster(rules, times), interval_s=SCRAPE_S / times
        ) as prometheus:
            say(f"faults, everything {times} times faster")
            for case in CASES:
                missed += await _seen(case, servers, traffic, prometheus, consumer)
        return missed


async def _without_data(prometheus: Prometheus) -> list[str]:
    expressions = asked()
    without = [f"{where}: {asked}" for where, asked in expressions.items() if not await prometheus.values(asked)]
    say(f"{len(expressions) - len(without)} of {len(expressions)} expressions return data")
    return without


async def _seen(
    case: Case, servers: Servers, traffic: Traffic, prometheus: Prometheus, consumer: ConsumerProcess
) -> list[str]:
    async def fires() -> bool:
        assert consumer.process.returncode is None, consumer.lines[-3:]
        return case.alert in await prometheus.firing()

    async def is_clear() -> bool:
        return not await fires()

    missed, began_s = [], time.monotonic()
    say(f"{case.alert}: {case.name}")
    await eventually(is_clear, CLEAR_DEADLINE_S)
    async with case.fault(servers, traffic):
        try:
            await eventually(fires, FIRE_DEADLINE_S)
            say(f"  fires after {time.monotonic() - began_s:.0f} s; all that fire: {sorted(await prometheus.firing())}")
        except AssertionError as error:
            missed.append(f"{case.alert} does not fire: {error}")
    began_s = time.monotonic()
    try:
        await eventually(is_clear, CLEAR_DEADLINE_S)
        say(f"  clear {time.monotonic() - began_s:.0f} s after the end of the fault")
    except AssertionError as error:
        missed.append(f"{case.alert} does not clear: {error}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
