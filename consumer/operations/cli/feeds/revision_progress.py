"""Watching requests until they have their posts, with progress for whoever sits at the terminal."""

import asyncio
from collections.abc import Sequence
from time import monotonic

import typer

from consumer.operations.cli.progress import progress_bar
from repository.operations.revisions import EnteredRevision, RevisionProgress, progress_of
from repository.pool import Connection

POLL_S = 0.25
UNTAKEN_S = 5.0
"""Consumers look for requests every second; after this long there seems to be none."""


async def watch(
    connection: Connection, entered: Sequence[EnteredRevision], *, timeout_s: float
) -> list[RevisionProgress]:
    """How the requests stand when all have ended, or when `timeout_s` has passed."""
    began, has_warned = monotonic(), False
    with progress_bar("writing", len(entered)) as report:
        while True:
            requests = await progress_of(connection, entered)
            report(sum(request.has_ended for request in requests))
            waited_s = monotonic() - began
            if waited_s >= timeout_s or all(request.has_ended for request in requests):
                return requests
            if waited_s >= UNTAKEN_S and not has_warned and seems_without_consumer(requests):
                has_warned = True
                typer.echo(f"no consumer has taken them in {waited_s:.0f} s: does `instagram-feed run` run?", err=True)
            await asyncio.sleep(POLL_S)


def seems_without_consumer(requests: Sequence[RevisionProgress]) -> bool:
    """Whether no process has begun with any of the requests."""
    return bool(requests) and not any(request.is_taken for request in requests)
