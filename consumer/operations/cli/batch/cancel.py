"""`instagram-feed batch cancel`."""

import asyncio
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from consumer.operations.cli.batch.chosen import BatchArguments, chosen
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.output import DryRunOption, JsonOption, print_json, say
from consumer.settings import DatabaseSettings, load
from repository.operations.batch_queries import ask_to_cancel
from schemas.batch_state import BatchState

_STOPPABLE = {BatchState.INTENDED, BatchState.UPLOADED, BatchState.CREATED}


def cancel(
    batch_ids: BatchArguments,
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Write the remaining posts live, at full price, not in another batch.")
    ] = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Request that a running consumer cancels batches; what was answered by then is paid for and used.

    The provider may take half an hour, and continues to answer meanwhile.

    Example: instagram-feed batch cancel 0b0d7c5e-5f0f-4f0e-9a5c-0d6a3f1b2c3d --live
    """
    asked, late = asyncio.run(_cancelled(batch_ids, live=live, dry_run=dry_run))
    if json:
        print_json({"dry_run": dry_run, "cancelled": asked, "ended_before": late})
    else:
        then = "written live" if live else "sent in another batch"
        say(f"{len(asked)} {'would be' if dry_run else 'are to be'} cancelled; what they leave is {then}.")
    if late and not json:
        raise CommandError(f"ended before: {', '.join(map(str, late))}")


async def _cancelled(ids: Sequence[str], *, live: bool, dry_run: bool) -> tuple[list[UUID], list[UUID]]:
    async with database_connection(load(DatabaseSettings)) as connection:
        found = await chosen(connection, ids)
        open_ones = [one.batch_id for one in found if one.state in _STOPPABLE]
        asked = open_ones if dry_run else await ask_to_cancel(connection, open_ones, rest_goes_live=live)
        return asked, [one.batch_id for one in found if one.batch_id not in asked]
