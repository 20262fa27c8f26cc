"""What is observed while a run goes on: samples of commits and rows, and probes of the hold by poison."""

import asyncio
import itertools
import time
from contextlib import suppress
from dataclasses import dataclass, field

from tests.chaos.observations import AbleSample, BudgetSample, CommitSample, FeedRow, Observations, Probe
from tests.chaos.observers import SERVER_AWAY, llm_calls, provider_batches
from tests.chaos.parts import GROUP_ID, Parts
from tests.chaos.servers import PARTITIONS
from tests.chaos.traffic import RecordMaker

SAMPLE_EVERY_S = 3.0
PROBE_EVERY_S = 4.0
ABLE_EVERY_S = 0.5


@dataclass(slots=True)
class Watch:
    """Gathers what can only be seen in passing."""

    parts: Parts
    commits: list[CommitSample] = field(default_factory=list)
    snapshots: list[list[FeedRow]] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    able: list[AbleSample] = field(default_factory=list)
    budget_samples: list[BudgetSample] = field(default_factory=list)

    async def sample(self, over: asyncio.Event) -> None:
        """Look at the rows and at what is committed, until it is over; what is away now is looked at later.

        Ended by an event: closing a client of aiokafka can swallow a cancellation.
        """
        while not over.is_set():
            with suppress(*SERVER_AWAY):
                await self.sample_once()
            await _pause(over, SAMPLE_EVERY_S)

    async def sample_once(self) -> None:
        """Look once.

        Raises:
            OSError, TimeoutError, PostgresError, InterfaceError, KafkaError: a server is away.
        """
        self.snapshots.append(await self.parts.rows.feeds())
        self.commits.append(await self.parts.reader.commit_sample(GROUP_ID, self.parts.rows))

    async def look_who_is_able(self, over: asyncio.Event) -> None:
        """Look twice a second whether events can be taken in; while the database does not say, they cannot."""
        while not over.is_set():
            is_able = False
            with suppress(*SERVER_AWAY):
                is_able = await self.parts.rows.able(self.parts.servers.topics.incoming)
            self.able.append(AbleSample(time.time(), is_able))
            await _pause(over, ABLE_EVERY_S)

    async def probe(self, maker: RecordMaker, over: asyncio.Event) -> None:
        """Send probes to one partition after the other, until it is over."""
        for partition in itertools.cycle(range(PARTITIONS)):
            await _pause(over, PROBE_EVERY_S)
            if over.is_set():
                return
            self.probes.append(await self.parts.upstream.probe(maker, partition))

    async def probe_all_partitions(self, maker: RecordMaker) -> None:
        """One probe for each partition, now."""
        self.probes.extend([await self.parts.upstream.probe(maker, partition) for partition in range(PARTITIONS)])

    async def all_observations(self, drained_after_s: float | None) -> Observations:
        """What is there at the end, with what was seen in passing."""
        parts = self.parts
        await self.sample_once()
        return Observations(
            sent=parts.upstream.sent,
            calls=await llm_calls(parts.servers.llm),
            rows=await parts.rows.feeds(),
            earlier_rows=self.snapshots,
            requests=await parts.rows.requests(),
            paid=await parts.rows.paid(),
            outbox_events=await parts.rows.outbox_events(),
            published=await parts.reader.published(),
            commits=self.commits,
            disruptions=parts.injectors.disruptions,
            faults=parts.injectors.spans,
            probes=self.probes,
            drained_after_s=drained_after_s,
            lost=await parts.rows.lost(GROUP_ID),
            deleted=parts.injectors.deleted,
            able=self.able,
            provider_batches=await provider_batches(parts.servers.llm),
            batches=await parts.rows.batches(),
            budget_samples=[*self.budget_samples, await parts.rows.budget()],
            unexpected_exits=[text for each in parts.consumers + parts.replayers for text in each.unexpected_exits],
        )

    async def left_to_do(self) -> str | None:
        """What keeps the run from being drained, None when every event is accounted for, published and passed."""
        parts = self.parts
        try:
            unfinished = await parts.rows.unfinished()
            known = await parts.rows.known_overlays()
            committed = await parts.reader.committed(GROUP_ID)
            lost = await parts.rows.lost(GROUP_ID)
        except SERVER_AWAY as error:
            return f"a server is away: {type(error).__name__}"
        unknown = sum(
            record.overlay_id not in known and not any(one.holds(record.position) for one in lost)
            for record in parts.upstream.sent
            if record.overlay_id
        )
        not_passed = [record for record in parts.upstream.sent if record.offset >= committed.get(record.partition, 0)]
        if unfinished or unknown or not_passed:
            return (
                f"{unfinished} requests or outbox events unfinished, {unknown} events not in the ledger, "
                f"{len(not_passed)} records not passed by the offsets {committed}"
            )
        return None


async def _pause(over: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await over.wait()
