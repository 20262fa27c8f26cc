"""A topic read again whose overlays are all done: how fast they are skipped, and that nothing is paid for."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

import asyncpg

from bench.backlog import SEED, Backlog, filled_topic
from bench.events import overlay_events
from bench.measuring import Figures, WindowRules
from bench.program import OURS, running
from bench.scenario import Aim, Scenario, Trial, Workshop
from bench.site import Site, constant, fresh_site
from bench.topics import CommittedCount
from bench.window_run import window_figures

EVENTS = 120_000
WARM_UP_EVENTS = 5_000
LATENCY_S = 0.2
IN_FLIGHT = 200  # the default

# What is left of a request in the ledger. Whether an overlay is known is asked of nothing else.
_MARK_DONE = """
    INSERT INTO feed_requests (
        overlay_id, state, tenant_id, event_id, source_topic, source_partition, source_offset, source_timestamp_ms,
        finished_at)
    SELECT overlay_id, 'done', 'tenant-0001', 'evt-' || overlay_id, 'overlay.completed', 0, 0, 0, now()
    FROM unnest($1::uuid[]) AS overlay_id
"""


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with filled_topic(workshop, EVENTS) as backlog:
        yield {"ours": partial(_replayed, workshop, backlog)}


async def _replayed(workshop: Workshop, backlog: Backlog) -> Figures:
    async with fresh_site(
        workshop.servers,
        template=workshop.template,
        incoming_topic=backlog.topic,
        llm_latency=constant(LATENCY_S),
        max_in_flight=IN_FLIGHT,
    ) as site:
        await _mark_done(site)
        rules = WindowRules(WARM_UP_EVENTS, EVENTS, workshop.window_s)
        async with (
            CommittedCount(site.bootstrap_servers, site.environment["KAFKA_GROUP_ID"]) as passed,
            running(OURS, site.environment, workshop.output_of(OURS.name)) as process,
        ):
            figures = await window_figures(process, passed, site, rules)
        ledger = await site.llm.ledger_summary()
    return {"llm_calls": float(ledger.total_calls), **figures}


async def _mark_done(site: Site) -> None:
    connection = await asyncpg.connect(site.database_url)
    try:
        await connection.execute(_MARK_DONE, [UUID(key.decode()) for key, _ in overlay_events(EVENTS, seed=SEED)])
        await connection.execute("VACUUM (ANALYZE) feed_requests")
    finally:
        await connection.close()


REPLAY = Scenario(
    name="replay",
    question="How fast are events skipped whose overlays are done?",
    contenders=_contenders,
    aims=(
        Aim("done events skipped, per second", lambda medians: medians["ours"]["events_per_s"], at_least=8_000),
        Aim("LLM calls for them", lambda medians: medians["ours"]["llm_calls"], at_most=0),
    ),
)
