"""`instagram-feed batch list`."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from consumer.operations.cli.batch.view import batches_table, document, moment
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.output import JsonOption, print_json, say
from consumer.operations.cli.tables import WideOption, print_table
from consumer.settings import DatabaseSettings, load
from repository.operations.batch_queries import BatchSummary, WaitingForBatch, list_batches, waiting_for_batch


def list_(
    *,
    all_: Annotated[bool, typer.Option("--all", help="Finished ones, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Maximum number, newest first.")] = 50,
    wide: WideOption = False,
    json: JsonOption = False,
) -> None:
    """List unfinished batches with progress and expected end, and how many requests wait for one.

    Example: instagram-feed batch list --all
    """
    found, waiting = asyncio.run(_found(only_open=not all_, limit=limit))
    if json:
        print_json({"waiting": asdict(waiting), "batches": [document(one) for one in found]})
        return
    if found:
        print_table(batches_table(found), wide=wide)
    else:
        say("No batches." if all_ else "There are no unfinished batches.")
    if waiting.requests:
        say(f"{waiting.requests:,} requests wait for a batch, the first since {moment(waiting.since)}.")


async def _found(*, only_open: bool, limit: int) -> tuple[list[BatchSummary], WaitingForBatch]:
    async with database_connection(load(DatabaseSettings)) as connection:
        batches = await list_batches(connection, only_open=only_open, limit=limit)
        return batches, await waiting_for_batch(connection)
