"""Brings changes made in the database to a running consumer within a minute."""

import asyncio
from typing import Protocol

import structlog

from consumer.telemetry.watchdog import Beat, unwatched
from repository.errors import StoreError

log = structlog.get_logger()

REFRESH_S = 20.0


class Refreshed(Protocol):
    """A part that caches rows of the database."""

    async def run_once(self) -> None:
        """Refresh once."""


class Refresher:
    """Refreshes its parts, one after another."""

    def __init__(self, *parts: Refreshed) -> None:
        self._parts = parts

    async def run(self, beat: Beat = unwatched) -> None:
        """Refresh forever."""
        while True:
            beat()
            await asyncio.sleep(REFRESH_S)
            await self.run_once()

    async def run_once(self) -> None:
        """Refresh once; a part that fails does not affect the others."""
        for part in self._parts:
            try:
                await part.run_once()
            except StoreError as error:
                log.warning("refresher.store_unavailable", error=str(error))
            except Exception:
                # a defect in one part must not keep the others from refreshing
                log.exception("loop.defect", loop=f"refresher of {type(part).__name__}")
