"""A steady stream alone, and beside a replay that has thousands of posts written: live events must not wait for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import islice
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from bench.backlog import PARTITIONS, SEED, Backlog, filled_topic
from bench.events import overlay_events
from bench.measuring import Figures
from bench.program import OURS, Program, RunningProgram, running
from bench.scenario import Aim, Scenario, Trial, Workshop
from bench.scenarios.steady import EVENTS_PER_S, IN_FLIGHT, LATENCY_S, WARM_UP_EVENTS, added_ms, send_at_pace
from bench.site import Site, constant, fresh_site
from bench.topics import RecordCount, existing_topics, record_times_ms, until_count

REPLAYED_EVENTS = 5_000
ALONE, BESIDE = "alone", "beside a replay"
ANNOUNCED_S = 30.0
POLL_S = 0.5


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with filled_topic(workshop, REPLAYED_EVENTS, seed=SEED + 1) as archive:
        yield {ALONE: partial(_added_time, workshop, None), BESIDE: partial(_added_time, workshop, archive)}


async def _added_time(workshop: Workshop, archive: Backlog | None) -> Figures:
    """Measure as in `steady`, for live events only; with an archive, all are sent while it is being replayed."""
    topic = f"overlay.{uuid4().hex[:12]}"
    async with (
        existing_topics(workshop.servers.kafka.address, [topic], partitions=PARTITIONS),
        fresh_site(
            workshop.servers,
            template=workshop.template,
            incoming_topic=topic,
            llm_latency=constant(LATENCY_S),
            max_in_flight=IN_FLIGHT,
        ) as site,
        running(OURS, site.environment, workshop.output_of(OURS.name)) as process,
    ):
        live = overlay_events(WARM_UP_EVENTS + round(workshop.window_s * EVENTS_PER_S), seed=SEED)
        replayed = await _stream(workshop, site, process, live, archive)
        sent_ms, announced_ms = await _times_ms(site)
    return {**added_ms(sent_ms, announced_ms), "replayed_meanwhile": float(replayed)}


async def _stream(
    workshop: Workshop,
    site: Site,
    process: RunningProgram,
    live: Iterator[tuple[bytes, bytes]],
    archive: Backlog | None,
) -> int:
    """Send the live events; gives how many posts the replay had written meanwhile."""
    async with (
        AsyncExitStack() as stack,
        AIOKafkaProducer(bootstrap_servers=site.bootstrap_servers) as producer,
        RecordCount(site.bootstrap_servers, site.created_topic) as created,
    ):
        await send_at_pace(producer, site.incoming_topic, islice(live, WARM_UP_EVENTS))
        await until_count(created, WARM_UP_EVENTS, process.require_running)
        if archive is None:
            await send_at_pace(producer, site.incoming_topic, live)
            return 0
        program = Program("replay", ("consumer", "replay", "--topic", archive.topic, "--yes"))
        replay = await stack.enter_async_context(running(program, site.environment, workshop.output_of(program.name)))
        before = await created.read()
        await until_count(created, before + 1, replay.require_running)
        await send_at_pace(producer, site.incoming_topic, live)
        replay.require_running()
        return await created.read() - before - round(workshop.window_s * EVENTS_PER_S)


async def _times_ms(site: Site) -> tuple[dict[bytes, int], dict[bytes, int]]:
    """Return when each live event was sent and when its created event was, once all have been."""
    sent_ms = await record_times_ms(site.bootstrap_servers, site.incoming_topic)
    async with asyncio.timeout(ANNOUNCED_S):
        while True:
            announced_ms = await record_times_ms(site.bootstrap_servers, site.created_topic)
            if sent_ms.keys() <= announced_ms.keys():
                return sent_ms, announced_ms
            await asyncio.sleep(POLL_S)


BESIDE_REPLAY = Scenario(
    name="beside-replay",
    question=f"Do {EVENTS_PER_S} live events/s wait for a replay of {REPLAYED_EVENTS:,}?",
    contenders=_contenders,
    aims=(
        Aim(
            "live events beside it: added time, median, ms", lambda medians: medians[BESIDE]["added_ms_p50"], at_most=15
        ),
        Aim(
            "live events beside it: added time, 99th percentile, ms",
            lambda medians: medians[BESIDE]["added_ms_p99"],
            at_most=100,
        ),
    ),
)
