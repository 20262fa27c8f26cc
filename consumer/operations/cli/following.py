"""Following requests until consumers have finished them, with a progress bar."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple

from consumer.operations.cli.output import say
from consumer.operations.cli.progress import progress_bar

POLL_S = 0.25
UNTAKEN_S = 5.0
"""Consumers look for requests every second; after this time none seems to be running."""


class Standing(NamedTuple):
    """How many of `total` requests have ended. `is_taken`: a process has started one of them."""

    ended: int
    total: int
    is_taken: bool


async def until_ended(look: Callable[[], Awaitable[Standing]], *, timeout_s: float = math.inf) -> None:
    """Poll until all requests have ended or `timeout_s` has passed; prints once if no consumer takes them."""
    began, has_warned = monotonic(), False
    standing = await look()
    with progress_bar("writing", standing.total) as report:
        while standing.ended < standing.total and monotonic() - began < timeout_s:
            if not standing.is_taken and not has_warned and monotonic() - began >= UNTAKEN_S:
                has_warned = True
                say("no consumer has taken any of them: is `instagram-feed run` running?", err=True)
            await asyncio.sleep(POLL_S)
            standing = await look()
            report(standing.ended)
