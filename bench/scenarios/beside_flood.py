"""A few live events alone, and beside another tenant's flood that waits in the ledger."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer

from bench.backlog import PARTITIONS, SEED
from bench.events import overlay_events
from bench.measuring import MS_PER_S, Figures, percentile
from bench.program import OURS, RunningProgram, running
from bench.scenario import Aim, Medians, Scenario, Trial, Workshop
from bench.site import Site, constant, fresh_site
from bench.topics import existing_topics, fill, record_times_ms

FLOOD = 20_000
LIVE = 10
LIVE_EVERY_S = 0.5
LATENCY_S = 1.0
IN_FLIGHT = 200
READ_AHEAD = 25_000
ALONE, BESIDE, UNFAIR = "alone", "beside a flood", "beside a flood, unfair"
READ_S, ANNOUNCED_S, POLL_S = 60.0, 150.0, 0.2


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    yield {
        ALONE: partial(_waited, workshop, flood=0, is_fair=True),
        BESIDE: partial(_waited, workshop, flood=FLOOD, is_fair=True),
        UNFAIR: partial(_waited, workshop, flood=FLOOD, is_fair=False),
    }


async def _waited(workshop: Workshop, *, flood: int, is_fair: bool) -> Figures:
    """Send live events of one tenant once another's flood has been read; says how long they waited for their call."""
    topic = f"overlay.{uuid4().hex[:12]}"
    kafka = workshop.servers.kafka.address
    async with (
        existing_topics(kafka, [topic], partitions=PARTITIONS),
        fresh_site(
            workshop.servers,
            template=workshop.template,
            incoming_topic=topic,
            llm_latency=constant(LATENCY_S),
            max_in_flight=IN_FLIGHT,
        ) as site,
    ):
        site.environment.update({"READ_AHEAD": str(READ_AHEAD), "FAIR_SHARES": str(is_fair).lower()})
        warm_up = overlay_events(1, seed=SEED + 2, tenant_id="live")
        await fill(kafka, topic, chain(overlay_events(flood, seed=SEED, tenant_id="flood"), warm_up))
        async with running(OURS, site.environment, workshop.output_of(OURS.name)) as process:
            await _until_entered(site, process, flood + 1 if is_fair else IN_FLIGHT if flood else 1)
            keys = await _send_live(site)
            announced_ms = await _announced_ms(site, process, keys)
            sent_ms = await record_times_ms(kafka, topic)
    waited = [announced_ms[key] - sent_ms[key] - LATENCY_S * MS_PER_S for key in keys]
    return {"waited_ms_p50": percentile(waited, 50), "waited_ms_p95": percentile(waited, 95)}


async def _until_entered(site: Site, process: RunningProgram, requests: int) -> None:
    connection = await asyncpg.connect(site.database_url)
    try:
        async with asyncio.timeout(READ_S):
            while await connection.fetchval("SELECT count(*) FROM feed_requests") < requests:
                process.require_running()
                await asyncio.sleep(POLL_S)
    finally:
        await connection.close()


async def _send_live(site: Site) -> list[bytes]:
    live = list(overlay_events(LIVE, seed=SEED + 1, tenant_id="live"))
    async with AIOKafkaProducer(bootstrap_servers=site.bootstrap_servers) as producer:
        for key, value in live:
            await producer.send_and_wait(site.incoming_topic, value, key)
            await asyncio.sleep(LIVE_EVERY_S)
    return [key for key, _ in live]


async def _announced_ms(site: Site, process: RunningProgram, keys: list[bytes]) -> dict[bytes, int]:
    async with asyncio.timeout(ANNOUNCED_S):
        while True:
            announced_ms = await record_times_ms(site.bootstrap_servers, site.created_topic)
            if set(keys) <= announced_ms.keys():
                return announced_ms
            process.require_running()
            await asyncio.sleep(POLL_S)


def _beyond(medians: Medians) -> float:
    """Return the wait beside the flood less what is allowed: half as long again as alone, and one call."""
    return medians[BESIDE]["waited_ms_p95"] - 1.5 * medians[ALONE]["waited_ms_p95"] - LATENCY_S * MS_PER_S


BESIDE_FLOOD = Scenario(
    name="beside-flood",
    question=f"How long do {LIVE} live events of one tenant wait beside {FLOOD:,} of another?",
    contenders=_contenders,
    aims=(Aim("wait beside the flood, 95th percentile, beyond 1.5 times alone and a call, ms", _beyond, at_most=0),),
)
