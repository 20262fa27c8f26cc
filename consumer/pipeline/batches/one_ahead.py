"""Storing one group while the next is judged: the database works on one core, this process on another."""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager

from repository.batch_requests import RequestKey


class OneAhead:
    """Stores groups one after the other; `keys` are of the group that is being stored."""

    def __init__(self) -> None:
        self.keys: Collection[RequestKey] = ()
        self._storing: asyncio.Task[None] | None = None

    async def put(self, storing: Coroutine[None, None, None], keys: Collection[RequestKey]) -> None:
        """Begin to store a group when the one before is stored; raises what that raised."""
        try:
            await self.stored()
        except BaseException:
            storing.close()
            raise
        self.keys = keys
        self._storing = asyncio.create_task(storing)

    async def stored(self) -> None:
        """Wait until all is stored that was put."""
        storing, self._storing = self._storing, None
        if storing is None:
            return
        try:
            await storing
        finally:
            storing.cancel()

    def abandon(self) -> None:
        """Cut off what is being stored: its transaction is rolled back."""
        if self._storing is not None:
            self._storing.cancel()


@asynccontextmanager
async def one_ahead() -> AsyncIterator[OneAhead]:
    """Yield one; when the block ends, all is stored, or cut off where the block raises."""
    ahead = OneAhead()
    try:
        yield ahead
        await ahead.stored()
    finally:
        ahead.abandon()
