"""Reopens requests that failed before the fault proved to be everybody's."""

import asyncio
import time
from collections.abc import Iterable

import structlog

from consumer.pipeline.faults.fault_finder import RequestKey
from consumer.telemetry.watchdog import Beat, unwatched
from repository.errors import StoreError
from repository.pool import Pool, connection
from repository.reopened_requests import reopen_failed
from schemas.reasons import Reason

log = structlog.get_logger()

ROUND_S = 1.0
PATIENCE_S = 60.0  # an outcome may reach the ledger after its reopening was requested


class Reopener:
    """Reopens failed requests. One may not be stored as failed yet, so it keeps trying for a while."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._told_at_s: dict[tuple[RequestKey, Reason], float] = {}

    def put_back(self, requests: Iterable[RequestKey], reason: Reason) -> None:
        """Schedule requests to be reopened if they failed for this reason."""
        now_s = time.monotonic()
        self._told_at_s |= {(request, reason): now_s for request in requests}

    async def run(self, beat: Beat = unwatched) -> None:
        """Reopen scheduled requests forever."""
        while True:
            beat()
            try:
                await self.run_once()
            except StoreError as error:
                log.warning("reopener.store_unavailable", error=str(error))
            await asyncio.sleep(ROUND_S)

    async def run_once(self) -> int:
        """Reopen what can be reopened now. Returns how many requests were.

        Raises:
            StoreError: the ledger could not be written.
        """
        opened = 0
        for reason in {reason for _, reason in self._told_at_s}:
            wanted = [request for request, its_reason in self._told_at_s if its_reason is reason]
            async with connection(self._pool) as borrowed:
                reopened = await reopen_failed(borrowed, wanted, reason=reason)
            if reopened:
                log.info("feed.put_back", reason=reason, requests=len(reopened))
            opened += len(reopened)
            self._forget(reopened, reason)
        return opened

    def _forget(self, reopened: Iterable[RequestKey], reason: Reason) -> None:
        for request in reopened:
            del self._told_at_s[request, reason]
        since_s = time.monotonic() - PATIENCE_S
        self._told_at_s = {told: at_s for told, at_s in self._told_at_s.items() if at_s >= since_s}
