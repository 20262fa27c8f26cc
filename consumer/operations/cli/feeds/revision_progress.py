"""Watching requests for revisions until they end."""

from collections.abc import Sequence

from consumer.operations.cli.following import Standing, until_ended
from repository.operations.revisions import EnteredRevision, RevisionProgress, progress_of
from repository.pool import Connection


async def watch(
    connection: Connection, entered: Sequence[EnteredRevision], *, timeout_s: float
) -> list[RevisionProgress]:
    """Return the progress once all requests but those in batches have ended, or after `timeout_s`."""

    async def standing() -> Standing:
        requests = [one for one in await progress_of(connection, entered) if not one.is_batched]
        ended = sum(request.has_ended for request in requests)
        return Standing(ended, len(requests), is_taken=not seems_without_consumer(requests))

    await until_ended(standing, timeout_s=timeout_s)
    return await progress_of(connection, entered)


def seems_without_consumer(requests: Sequence[RevisionProgress]) -> bool:
    """Return whether no process has started any of the requests."""
    return bool(requests) and not any(request.is_taken for request in requests)
