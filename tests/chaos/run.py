"""One chaos run: traffic, faults and observers side by side, then the drain, then the check."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.report import Report
from tests.chaos.budgets import raise_again_and_again
from tests.chaos.checker import LONGEST_DRAIN_S, Violation, check
from tests.chaos.faults import SETTLING_S, Injectors
from tests.chaos.llm_faults import LLM_TIMEOUT_S
from tests.chaos.observations import Observations
from tests.chaos.parts import CONSUMERS, Parts, running_parts
from tests.chaos.producer import Upstream
from tests.chaos.schedule import Fault, Schedule, fault_schedule
from tests.chaos.traffic import Burst, RecordMaker, traffic
from tests.chaos.watch import Watch

GIVE_UP_DRAINING_S = LONGEST_DRAIN_S + 30
LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class ChaosResult:
    """What a run did and found."""

    seed: int
    seconds: float
    seen: Observations
    violations: Sequence[Violation]
    answers_lost: int

    @property
    def faults(self) -> Counter[str]:
        """How many faults of each kind were injected."""
        return Counter(span.kind for span in self.seen.faults)


async def chaos_run(
    seed: int,
    seconds: float,
    folder: Path,
    report: Report,
    *,
    is_pooled: bool = False,
    has_least_rights: bool = False,
) -> ChaosResult:
    """Inject faults for `seconds`, wait until all has drained, and check.

    `is_pooled`: the consumers reach the database by way of PgBouncer in transaction mode. `has_least_rights`: they have
    the application's role there, and the least ACLs at the broker.

    Raises:
        StackError: a server cannot run here, or did not come back after a fault.
    """
    schedule = fault_schedule(seed, seconds, consumers=CONSUMERS)
    rights = {"is_pooled": is_pooled, "has_least_rights": has_least_rights}
    async with running_parts(seed, folder, report, **rights) as parts:
        await parts.until_consuming()
        report(f"seed {seed}: {sum(map(len, schedule.values()))} faults within {seconds:g} s")
        watch = Watch(parts)
        calm, over = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as watching:
            watching.create_task(watch.sample(over))
            watching.create_task(watch.look_who_is_able(over))
            probing = watching.create_task(watch.probe(RecordMaker(f"{seed}/probes"), calm))
            raising = watching.create_task(raise_again_and_again(parts.rows, calm))
            await _stir(parts, schedule, seconds, traffic(seed, seconds), report)
            calm.set()
            await probing
            watch.budget_samples.extend(await raising)
            await parts.until_consuming()
            drained_after_s = await _drain(watch, report)
            over.set()
        await _probe_in_peace(watch, RecordMaker(f"{seed}/last probes"), report)
        seen = await watch.all_observations(drained_after_s)
        await _keep_ledgers(parts, folder)
        lost = sum(proxy.answers_lost for proxy in parts.proxies)
    return ChaosResult(seed, seconds, seen, check(seen, llm_timeout_s=LLM_TIMEOUT_S), lost)


async def _keep_ledgers(parts: Parts, folder: Path) -> None:
    """Leave both ledgers beside the logs, for whoever looks for the cause of a violation."""
    (folder / "requests.jsonl").write_text(await parts.rows.as_json_lines())
    (folder / "llm-calls.json").write_text((await parts.servers.llm.ledger()).model_dump_json())


async def _stir(parts: Parts, schedule: Schedule, seconds: float, bursts: Sequence[Burst], report: Report) -> None:
    """Send all bursts and inject the faults, each at its time, or as soon as the one before it lets it.

    A fault that could not begin within `seconds`, because servers take their time to come back, is left out.
    """
    started_s = time.monotonic()
    async with asyncio.TaskGroup() as happening:
        happening.create_task(_send(parts.upstream, bursts, started_s))
        for faults in schedule.values():
            happening.create_task(_inject(parts.injectors, faults, started_s, seconds, report))


async def _send(upstream: Upstream, bursts: Sequence[Burst], started_s: float) -> None:
    for burst in bursts:
        await _until(started_s + burst.at_s)
        await upstream.send(burst.records)


async def _inject(
    injectors: Injectors, faults: Sequence[Fault], started_s: float, seconds: float, report: Report
) -> None:
    for fault in faults:
        await _until(started_s + fault.at_s)
        if time.monotonic() > started_s + seconds:
            return
        report(f"{time.monotonic() - started_s:6.1f} s  {fault.kind} for {fault.duration_s:g} s")
        await injectors.inject(fault)


async def _until(moment_s: float) -> None:
    await asyncio.sleep(max(0.0, moment_s - time.monotonic()))


async def _drain(watch: Watch, report: Report) -> float | None:
    """Wait until all is done; gives how many seconds that took, None when it never was."""
    began_s, left = time.monotonic(), None
    while time.monotonic() < began_s + GIVE_UP_DRAINING_S:
        left = await watch.left_to_do()
        if left is None:
            drained_after_s = time.monotonic() - began_s
            report(f"drained in {drained_after_s:.1f} s")
            return drained_after_s
        await asyncio.sleep(LOOK_S)
    report(f"not drained: {left}")
    return None


async def _probe_in_peace(watch: Watch, maker: RecordMaker, report: Report) -> None:
    """Probes that no fault touches, so that there are some in every run."""
    last_trace_s = max((span.end_s for span in watch.parts.injectors.spans), default=0.0)
    await asyncio.sleep(min(SETTLING_S, max(0.0, last_trace_s - time.time())))
    await watch.probe_all_partitions(maker)
    await _drain(watch, report)
