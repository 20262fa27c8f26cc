"""How long each report takes on many posts.

``python -m bench.reports`` makes a database on the server that DATABASE_URL names, fills it, times every
report over all of its posts and over those of one tenant, and drops it.
"""

import argparse
import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter

import asyncpg
from rich.console import Console
from rich.table import Table

from bench.databases import fresh_database
from bench.report_data import FIRST_TENANT, SPAN_DAYS, fill
from consumer.operations.cli.report import REPORTS, Query
from consumer.operations.reports.page import page
from consumer.operations.reports.reading import read
from repository import migrations
from repository.operations.report_scope import GroupBy, ReportScope
from repository.pool import Connection, connection, open_pool

RUNS = 5


async def measure(server_url: str, feeds: int) -> dict[str, list[float]]:
    """Return milliseconds of each report: of all posts, by tenant, and of one tenant's posts; medians of five runs."""
    async with fresh_database(server_url) as url:
        await migrations.upgrade(url)
        session = await asyncpg.connect(url)
        await fill(session, feeds)
        await session.close()
        pool = await open_pool(url, size=1, application_name="bench")
        try:
            async with connection(pool) as borrowed:
                return {
                    name: [await _median_ms(borrowed, query, *asked) for asked in _questions()]
                    for name, query in (*((name, report.query) for name, report in REPORTS.items()), ("html", _page))
                }
        finally:
            await pool.close()


def _questions() -> Iterator[tuple[ReportScope, GroupBy | None]]:
    since = datetime.now(UTC) - timedelta(days=SPAN_DAYS)
    everything = ReportScope(since=since)
    yield everything, None
    yield everything, GroupBy.TENANT
    yield ReportScope(since=since, tenant_id=FIRST_TENANT), None


async def _page(borrowed: Connection, scope: ReportScope, _: GroupBy | None) -> str:
    """Return the page, which has all groups in any case."""
    now = datetime.now(UTC)
    return page(await read(borrowed, scope, model=None, now=now), made_at=now)


async def _median_ms(borrowed: Connection, query: Query, scope: ReportScope, by: GroupBy | None) -> float:
    times_ms = []
    for _ in range(RUNS):
        began = perf_counter()
        await query(borrowed, scope, by)
        times_ms.append((perf_counter() - began) * 1_000)
    return median(times_ms)


def main() -> None:
    """Fill, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=100_000)
    feeds = parser.parse_args().feeds
    table = Table("report", title=f"{feeds:,} posts, ms", box=None)
    for heading in ("all posts", "by tenant", "one tenant"):
        table.add_column(heading, justify="right")
    for name, times_ms in asyncio.run(measure(os.environ["DATABASE_URL"], feeds)).items():
        table.add_row(name, *(f"{time_ms:.0f}" for time_ms in times_ms))
    Console().print(table)


if __name__ == "__main__":
    main()
