"""A steady stream below capacity: how much time the program adds to the model's own."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from bench.backlog import PARTITIONS, SEED
from bench.events import overlay_events
from bench.measuring import MS_PER_S, Figures, percentile, rates
from bench.os_figures import cores
from bench.program import OURS, RunningProgram, running
from bench.scenario import Aim, Scenario, Trial, Workshop
from bench.site import Site, constant, fresh_site
from bench.topics import RecordCount, existing_topics, record_times_ms, until_count
from bench.window_run import sample

EVENTS_PER_S = 100
LATENCY_S = 0.5
IN_FLIGHT = 200
WARM_UP_EVENTS = 300


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    yield {"ours": partial(added_time, workshop)}


async def added_time(workshop: Workshop, settings: Mapping[str, str] | None = None) -> Figures:
    """Send at a steady pace; compare when each event and its created event were written to Kafka.

    `settings` are added to the program's environment. Both times are those of the clients that sent them, on one clock.
    The time that a call takes is constant.
    """
    topic = f"overlay.{uuid4().hex[:12]}"
    servers = workshop.servers
    async with (
        existing_topics(servers.kafka.address, [topic], partitions=PARTITIONS),
        fresh_site(
            servers,
            template=workshop.template,
            incoming_topic=topic,
            llm_latency=constant(LATENCY_S),
            max_in_flight=IN_FLIGHT,
        ) as site,
        RecordCount(site.bootstrap_servers, site.created_topic) as created,
        running(OURS, {**site.environment, **(settings or {})}, workshop.output_of(OURS.name)) as process,
    ):
        figures = await _stream(process, created, site, round(workshop.window_s * EVENTS_PER_S))
        sent_ms = await record_times_ms(site.bootstrap_servers, topic)
        announced_ms = await record_times_ms(site.bootstrap_servers, site.created_topic)
    return {**added_ms(sent_ms, announced_ms), **figures}


def added_ms(sent_ms: Mapping[bytes, int], announced_ms: Mapping[bytes, int]) -> Figures:
    """Return percentiles of the time from event to created event less that of the call, of all after the warm-up.

    Raises:
        KeyError: an event has no created event.
    """
    measured = sorted(sent_ms, key=sent_ms.__getitem__)[WARM_UP_EVENTS:]
    added = [announced_ms[key] - sent_ms[key] - LATENCY_S * MS_PER_S for key in measured]
    return {f"added_ms_p{percent}": percentile(added, percent) for percent in (50, 95, 99)}


async def _stream(process: RunningProgram, created: RecordCount, site: Site, events: int) -> Figures:
    records = overlay_events(WARM_UP_EVENTS + events, seed=SEED)
    async with AIOKafkaProducer(bootstrap_servers=site.bootstrap_servers) as producer:
        await send_at_pace(producer, site.incoming_topic, islice(records, WARM_UP_EVENTS))
        await until_count(created, WARM_UP_EVENTS, process.require_running)
        first = await sample(process, created, site)
        await send_at_pace(producer, site.incoming_topic, records)
        await until_count(created, WARM_UP_EVENTS + events, process.require_running)
        last = await sample(process, created, site)
    return {**rates(first, last, cores=cores()), "peak_rss_mb": process.peak_rss_mb()}


async def send_at_pace(producer: AIOKafkaProducer, topic: str, records: Iterator[tuple[bytes, bytes]]) -> None:
    """Send records at `EVENTS_PER_S` and wait until the broker has them."""
    started_s = time.perf_counter()
    for number, (key, value) in enumerate(records):
        await asyncio.sleep(max(0.0, started_s + number / EVENTS_PER_S - time.perf_counter()))
        await producer.send(topic, value, key)
    await producer.flush()


STEADY = Scenario(
    name="steady",
    question=f"How much time is added to the model's own at {EVENTS_PER_S} events/s?",
    contenders=_contenders,
    aims=(
        Aim("added time, median, ms", lambda medians: medians["ours"]["added_ms_p50"], at_most=15),
        Aim("added time, 99th percentile, ms", lambda medians: medians["ours"]["added_ms_p99"], at_most=100),
    ),
)
