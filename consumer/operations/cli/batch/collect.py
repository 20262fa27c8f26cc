"""`instagram-feed batch collect`."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Annotated

import typer

from consumer.operations.cli.batch.chosen import chosen
from consumer.operations.cli.batch.view import batches_table, document
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.following import POLL_S
from consumer.operations.cli.output import JsonOption, print_json, say
from consumer.operations.cli.progress import progress_bar
from consumer.operations.cli.tables import print_table
from consumer.settings import DatabaseSettings, load
from repository.operations.batch_queries import BatchSummary, list_batches, look_now
from repository.pool import Connection

MOST = 1_000
UNTOUCHED_S = 10.0
"""Consumers look for batches every few seconds; after this time none seems to be running."""


def collect(
    batch_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[BATCH_ID]...", help="Default: all unfinished.", show_default=False)
    ] = None,
    *,
    timeout: Annotated[float, typer.Option(min=0, help="Longest time to wait for the results, in seconds.")] = 60,
    json: JsonOption = False,
) -> None:
    """Make a running consumer poll batches now, and wait for the results of those that have ended.

    Example: instagram-feed batch collect --timeout 300
    """
    found = asyncio.run(_collected(batch_ids or (), timeout_s=timeout))
    if json:
        print_json([document(one) for one in found])
    elif found:
        print_table(batches_table(found))
    else:
        say("There are no unfinished batches.")


async def _collected(ids: Sequence[str], *, timeout_s: float) -> list[BatchSummary]:
    async with database_connection(load(DatabaseSettings)) as connection:
        wanted = await _wanted(connection, ids)
        names = [str(one.batch_id) for one in wanted]
        asked = set(await look_now(connection, [one.batch_id for one in wanted if not one.state.has_ended]))
        if not asked:
            return wanted
        return await _followed(connection, names, timeout_s)


async def _wanted(connection: Connection, ids: Sequence[str]) -> list[BatchSummary]:
    if ids:
        return await chosen(connection, ids)
    return await list_batches(connection, only_open=True, limit=MOST)


async def _followed(connection: Connection, names: Sequence[str], timeout_s: float) -> list[BatchSummary]:
    began, before = monotonic(), await chosen(connection, names)
    now = before
    with progress_bar("collecting", sum(one.requests for one in before)) as report:
        while monotonic() - began < timeout_s and not all(one.state.has_ended for one in now):
            await asyncio.sleep(POLL_S)
            now = await chosen(connection, names)
            report(sum(one.collected for one in now))
    if now == before and timeout_s > UNTOUCHED_S:
        raise CommandError("nothing has changed: they have not ended, or no `instagram-feed run` runs")
    return now
