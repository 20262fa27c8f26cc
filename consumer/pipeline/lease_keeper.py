"""The lease keeper: extends the leases of all requests held by this process."""

import asyncio
import time

import structlog

from consumer.pipeline.in_flight import InFlight
from consumer.telemetry.watchdog import Beat, unwatched
from repository.errors import StoreError
from repository.leases import extend_leases
from repository.pool import Pool, connection

log = structlog.get_logger()

LONGEST_PAUSE_S = 20.0  # so that the watchdog sees it, however long the leases are


class LeaseKeeper:
    """Extends the leases of all requests held by this process, often enough that none expires while it lives."""

    def __init__(self, pool: Pool, in_flight: InFlight, *, lease_s: float) -> None:
        self._pool = pool
        self._in_flight = in_flight
        self._lease_s = lease_s

    async def run(self, beat: Beat = unwatched) -> None:
        """Extend without end, at least three times within the length of a lease."""
        while True:
            beat()
            await asyncio.sleep(min(self._lease_s / 3, LONGEST_PAUSE_S))
            try:
                await self.run_once()
            except StoreError as error:
                log.warning("leases.store_unavailable", error=str(error))

    async def run_once(self) -> int:
        """Extend all held leases in one statement. Returns how many are held.

        Raises:
            StoreError: the ledger could not be written.
        """
        held = self._in_flight.held
        if held:
            async with connection(self._pool) as borrowed:
                asked_at_s = time.monotonic()
                extended = await extend_leases(borrowed, held, lease_s=self._lease_s)
            self._in_flight.extended(extended, leased_at_s=asked_at_s)
        return len(held)
