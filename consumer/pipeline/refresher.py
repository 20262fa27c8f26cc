"""Has what people change in the database reach a running consumer within a minute."""

import asyncio
from typing import Protocol

import structlog

from consumer.telemetry.watchdog import Beat, unwatched
from repository.errors import StoreError

log = structlog.get_logger()

REFRESH_S = 20.0


class Refreshed(Protocol):
    """What looks again at what it knows."""

    async def run_once(self) -> None:
        """Look once."""


class Refresher:
    """Has its parts look again, one after the other."""

    def __init__(self, *parts: Refreshed) -> None:
        self._parts = parts

    async def run(self, beat: Beat = unwatched) -> None:
        """Look without end."""
        while True:
            beat()
            await asyncio.sleep(REFRESH_S)
            await self.run_once()

    async def run_once(self) -> None:
        """Look once; a part that cannot does not keep the others from it."""
        for part in self._parts:
            try:
                await part.run_once()
            except StoreError as error:
                log.warning("refresher.store_unavailable", error=str(error))
