"""Two tenants of weights 3 and 1 whose requests wait: the tokens that each takes, at equal sizes and at ten to one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import asyncpg

from bench.backlog import PARTITIONS, SEED
from bench.events import overlay_events
from bench.measuring import Figures
from bench.program import OURS, RunningProgram, running
from bench.scenario import Aim, Medians, Scenario, Trial, Workshop
from bench.site import constant, fresh_site
from bench.topics import existing_topics, fill

HEAVY, LIGHT = "heavy", "light"
WEIGHT = 3.0
IN_FLIGHT = 50
LATENCY_S = 0.2
WARM_UP_S = 3.0
READ_AHEAD = 20_000
MORE_CHARACTERS = 14_000  # for ten times the tokens of a request without
ALIKE, HEAVY_LONG, LIGHT_LONG = "of one size", "heavy ten times as long", "light ten times as long"
STARTED_S, POLL_S = 60.0, 0.2

_SET_WEIGHTS = "INSERT INTO tenants (tenant_id, weight) VALUES ($1, $2), ($3, 1)"
_TAKEN = "SELECT tenant_id, count(*), sum(total_tokens) FROM instagram_feeds GROUP BY tenant_id"


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    yield {
        ALIKE: partial(_shared, workshop, {HEAVY: (5_000, 0), LIGHT: (3_000, 0)}),
        HEAVY_LONG: partial(_shared, workshop, {HEAVY: (4_000, MORE_CHARACTERS), LIGHT: (7_000, 0)}),
        LIGHT_LONG: partial(_shared, workshop, {HEAVY: (8_000, 0), LIGHT: (1_000, MORE_CHARACTERS)}),
    }


async def _shared(workshop: Workshop, requests: Mapping[str, tuple[int, int]]) -> Figures:
    """Let both wait, and compare what each has taken between two moments.

    `requests` are how many of each tenant, and how much longer.
    """
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
        site.environment["READ_AHEAD"] = str(READ_AHEAD)
        for number, (tenant_id, (count, more)) in enumerate(requests.items()):
            events = overlay_events(count, seed=SEED + number, tenant_id=tenant_id, more_characters=more)
            await fill(kafka, topic, events)
        connection = await asyncpg.connect(site.database_url)
        try:
            await connection.execute(_SET_WEIGHTS, HEAVY, WEIGHT, LIGHT)
            async with running(OURS, site.environment, workshop.output_of(OURS.name)) as process:
                everything = sum(count for count, _ in requests.values())
                return await _taken_meanwhile(connection, process, everything, workshop.window_s)
        finally:
            await connection.close()


async def _taken_meanwhile(
    connection: asyncpg.Connection, process: RunningProgram, everything: int, window_s: float
) -> Figures:
    async with asyncio.timeout(STARTED_S):
        while await connection.fetchval("SELECT count(*) FROM feed_requests") < everything:
            process.require_running()
            await asyncio.sleep(POLL_S)
    await asyncio.sleep(WARM_UP_S)
    before = {row["tenant_id"]: row for row in await connection.fetch(_TAKEN)}
    await asyncio.sleep(window_s)
    after = {row["tenant_id"]: row for row in await connection.fetch(_TAKEN)}
    waiting = await connection.fetchval("SELECT count(DISTINCT tenant_id) FROM feed_requests WHERE state = 'waiting'")
    tokens = {one: float(after[one]["sum"] - before[one]["sum"]) for one in after}
    posts = {one: float(after[one]["count"] - before[one]["count"]) for one in after}
    return {
        "tokens_heavy": tokens[HEAVY],
        "tokens_light": tokens[LIGHT],
        "tokens_ratio": tokens[HEAVY] / tokens[LIGHT],
        "size_ratio": tokens[HEAVY] / posts[HEAVY] / (tokens[LIGHT] / posts[LIGHT]),
        "waiting_at_the_end": float(waiting),
    }


def _off(medians: Medians) -> float:
    """Return how far the worst of the shares is from the weights, as a part of it."""
    return max(abs(figures["tokens_ratio"] / WEIGHT - 1) for figures in medians.values())


WEIGHTS = Scenario(
    name="weights",
    question="Do tenants of weights 3 and 1 get tokens 3 to 1 while both wait?",
    contenders=_contenders,
    aims=(
        Aim("worst share of tokens, off the weights", _off, at_most=0.05),
        Aim(
            "tenants that wait to the end",
            lambda medians: min(figures["waiting_at_the_end"] for figures in medians.values()),
            at_least=2,
        ),
    ),
)
