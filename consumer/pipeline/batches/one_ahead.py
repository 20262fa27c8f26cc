"""Storing one group while the next is judged, so that database and process work in parallel."""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager

from repository.batch_requests import RequestKey


class OneAhead:
    """Stores groups one after another; `keys` are those of the group being stored."""

    def __init__(self) -> None:
        self.keys: Collection[RequestKey] = ()
        self._storing: asyncio.Task[None] | None = None

    async def put(self, storing: Coroutine[None, None, None], keys: Collection[RequestKey]) -> None:
        """Start storing a group once the previous one is stored; raises what that raised."""
        try:
            await self.stored()
        except BaseException:
            storing.close()
            raise
        self.keys = keys
        self._storing = asyncio.create_task(storing)

    async def stored(self) -> None:
        """Wait until all groups are stored."""
        storing, self._storing = self._storing, None
        if storing is None:
            return
        try:
            await storing
        finally:
            storing.cancel()

    def abandon(self) -> None:
        """Cancel the store in progress: its transaction is rolled back."""
        if self._storing is not None:
            self._storing.cancel()


@asynccontextmanager
async def one_ahead() -> AsyncIterator[OneAhead]:
    """Yield a `OneAhead`; when the block ends all is stored, or cancelled if the block raises."""
    ahead = OneAhead()
    try:
        yield ahead
        await ahead.stored()
    finally:
        ahead.abandon()
