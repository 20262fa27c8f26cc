"""Looking again until something is so."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

POLL_S = 0.05


async def ticks(deadline_s: float) -> AsyncIterator[None]:
    """Come round at once, then every `POLL_S`, until the deadline has passed."""
    give_up_at = monotonic() + deadline_s
    while True:
        yield
        if monotonic() > give_up_at:
            return
        await asyncio.sleep(POLL_S)
