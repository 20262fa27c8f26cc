"""Puts back what failed before it showed that the fault was everybody's."""

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
PATIENCE_S = 60.0  # an outcome may reach the ledger after it was asked to be put back


class Reopener:
    """Opens failed requests again. One that it is told of may not be stored as failed yet, so it asks for a while."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._told_at_s: dict[tuple[RequestKey, Reason], float] = {}

    def put_back(self, requests: Iterable[RequestKey], reason: Reason) -> None:
        """Leave requests to be opened again, if they failed for this reason."""
        now_s = time.monotonic()
        self._told_at_s |= {(request, reason): now_s for request in requests}

    async def run(self, beat: Beat = unwatched) -> None:
        """Open without end what it is told of."""
        while True:
            beat()
            try:
                await self.run_once()
            except StoreError as error:
                log.warning("reopener.store_unavailable", error=str(error))
            await asyncio.sleep(ROUND_S)

    async def run_once(self) -> int:
        """Open what can be opened now. Returns how many requests that were.

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
