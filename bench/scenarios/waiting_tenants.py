"""A ledger in which a thousand tenants wait: what finding and claiming the next requests takes."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import asyncpg

from bench.databases import fresh_database
from bench.measuring import MS_PER_S, Figures, percentile
from bench.scenario import Aim, Scenario, Trial, Workshop
from consumer.pipeline.tenants.fair_shares import FairShares, Terms
from repository.available_requests import claim_available, take_census
from repository.pool import Pool, connection, open_pool

TENANTS = 1_000
WAITING_EACH = 1_000
SLOTS = 25
CLAIMS = 400
CLAIMS_BY_AGE = 40
CENSUSES = 40
READ_AHEAD = 10_000
GROUP = "bench"
BY_TENANT, BY_AGE = "by tenant", "by age"

# 3 kB an event, as upstream sends them: what is claimed is read with it.
_FILL = """
    INSERT INTO feed_requests (
        overlay_id, state, tenant_id, event_id, available_at, group_id,
        source_topic, source_partition, source_offset, source_timestamp_ms, source_value, source_headers)
    SELECT gen_random_uuid(), 'waiting', 'tenant-' || lpad((number % $1::int)::text, 4, '0'), 'evt-' || number,
        now() - (1000000 - number) * interval '1 millisecond', $3,
        'overlay.completed', number % 12, number, 1800000000000 + number,
        convert_to(repeat('가을 니트 ', 200), 'UTF8'), ''
    FROM generate_series(1, $1::int * $2::int) AS number
"""


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with fresh_database(workshop.servers.postgres.address, template=workshop.template) as database:
        workshop.report(f"entering {TENANTS * WAITING_EACH:,} requests that wait")
        filling = await asyncpg.connect(database)
        await filling.execute(_FILL, TENANTS, WAITING_EACH, GROUP)
        await filling.execute("VACUUM (ANALYZE) feed_requests")
        await filling.close()
        yield {BY_TENANT: partial(_claim_by_tenant, database), BY_AGE: partial(_claim_by_age, database)}


async def _claim_by_tenant(database: str) -> Figures:
    """Share out slots among all tenants and claim, again and again, as a saturated process does."""
    shares = FairShares(lambda _: Terms())
    begun: Counter[str] = Counter()
    pool = await open_pool(database, size=1, application_name="bench")
    try:
        censuses, tenants = await _take_censuses(pool)
        claims = []
        for _ in range(CLAIMS):
            started_s = time.perf_counter()
            turn = shares.share_out(tenants, SLOTS)
            async with connection(pool) as borrowed:
                claimed = await claim_available(
                    borrowed, owner="bench", lease_s=600, limit=SLOTS, group_id=GROUP, tenants=turn
                )
            claims.append((time.perf_counter() - started_s) * MS_PER_S)
            begun.update(request.tenant_id for request in claimed)
            for request in claimed:
                shares.begin(request.tenant_id)
    finally:
        await pool.close()
    return {
        "claim_ms_p50": percentile(claims, 50),
        "claim_ms_p95": percentile(claims, 95),
        "census_ms_p50": percentile(censuses, 50),
        "census_ms_p95": percentile(censuses, 95),
        "claimed": float(begun.total()),
        "most_of_one_tenant": float(max(begun.values())),
        "tenants_begun": float(len(begun)),
    }


async def _take_censuses(pool: Pool) -> tuple[list[float], list[str]]:
    taken = []
    async with connection(pool) as borrowed:
        census = await take_census(borrowed, count_up_to=READ_AHEAD)
        for _ in range(CENSUSES):
            started_s = time.perf_counter()
            census = await take_census(borrowed, count_up_to=READ_AHEAD)
            taken.append((time.perf_counter() - started_s) * MS_PER_S)
    return taken, list(census.live)


async def _claim_by_age(database: str) -> Figures:
    """Claim the oldest of all, as without fair shares."""
    pool = await open_pool(database, size=1, application_name="bench")
    claims = []
    try:
        for _ in range(CLAIMS_BY_AGE):
            started_s = time.perf_counter()
            async with connection(pool) as borrowed:
                await claim_available(borrowed, owner="bench", lease_s=600, limit=SLOTS, group_id=GROUP)
            claims.append((time.perf_counter() - started_s) * MS_PER_S)
    finally:
        await pool.close()
    return {"claim_ms_p50": percentile(claims, 50), "claim_ms_p95": percentile(claims, 95)}


WAITING_TENANTS = Scenario(
    name="waiting-tenants",
    question=f"How long does a claim take while {TENANTS:,} tenants wait with {WAITING_EACH:,} requests each?",
    contenders=_contenders,
    aims=(
        Aim(
            f"share out and claim {SLOTS}, 95th percentile, ms",
            lambda medians: medians[BY_TENANT]["claim_ms_p95"],
            at_most=10,
        ),
        Aim(
            "census of who waits, twice a second, 95th percentile, ms",
            lambda medians: medians[BY_TENANT]["census_ms_p95"],
            at_most=25,
        ),
        Aim(
            "requests of the tenant served most, of those one round gives each",
            lambda medians: medians[BY_TENANT]["most_of_one_tenant"] / (CLAIMS * SLOTS / TENANTS),
            at_most=1.2,
        ),
    ),
)
