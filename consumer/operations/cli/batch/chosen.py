"""The batches that a command names."""

from collections.abc import Sequence
from typing import Annotated

import typer

from consumer.operations.cli.errors import UsageError
from repository.operations.batch_queries import BatchSummary, batches_called
from repository.pool import Connection

BatchArguments = Annotated[
    list[str], typer.Argument(metavar="BATCH_ID...", help="Ids of `batch list`, or the provider's.", show_default=False)
]


async def chosen(connection: Connection, ids: Sequence[str]) -> list[BatchSummary]:
    """Return the batches with these ids, in the order given.

    Raises:
        UsageError: an id is unknown; names the first.
    """
    found = {key: one for one in await batches_called(connection, ids) for key in _names(one)}
    for one in ids:
        if one not in found:
            raise UsageError(f"BATCH_ID: there is no batch {one} (`instagram-feed batch list --all`)")
    return list({found[one].batch_id: found[one] for one in ids}.values())


def _names(one: BatchSummary) -> set[str]:
    return {str(one.batch_id), one.provider_batch_id or str(one.batch_id)}
