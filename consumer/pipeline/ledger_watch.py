"""Metrics of the whole ledger and the whole topic, counted by one process of the group.

It is the one that reads partition 0, whose lease passes to another process by itself. Counting takes at most a
hundredth of the time, however much there is to count.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import structlog
from aiokafka.errors import KafkaError

from consumer.telemetry.metrics.ledger import UNFINISHED, LedgerFigures, LedgerMetrics
from consumer.telemetry.watchdog import Beat, unwatched
from repository.errors import StoreError
from repository.ledger_figures import database_time, outbox_depth, unfinished_work
from repository.pool import Pool, connection

log = structlog.get_logger()

LOOK_EVERY_S = 10.0
LONGEST_PAUSE_S = 30.0  # below the age at which figures count as stale
SHARE_OF_TIME = 0.01


class LedgerWatch:
    """Measures and exposes the figures while this process is the one that counts (`counts`)."""

    def __init__(
        self,
        pool: Pool,
        metrics: LedgerMetrics,
        group_lag: Callable[[], Awaitable[Mapping[int, int]]],
        *,
        group_id: str,
        counts: Callable[[], bool],
    ) -> None:
        self.lag: Mapping[int, int] = {}
        self._pool = pool
        self._metrics = metrics
        self._group_lag = group_lag
        self._group_id = group_id
        self._counts = counts

    async def run(self, beat: Beat = unwatched) -> None:
        """Measure forever."""
        while True:
            beat()
            began_s = time.monotonic()
            await self.run_once()
            took_s = time.monotonic() - began_s
            await asyncio.sleep(min(LONGEST_PAUSE_S, max(LOOK_EVERY_S, took_s / SHARE_OF_TIME)))

    async def run_once(self) -> bool:
        """Measure once if this process is the one to do so. Returns whether it is."""
        if not self._counts():
            self._metrics.clear()
            self.lag = {}
            return False
        try:
            self._metrics.show(await self._figures())
        except StoreError as error:
            log.warning("ledger.not_counted", error=str(error))
        try:
            self.lag = await self._group_lag()
        except (KafkaError, OSError, TimeoutError) as error:
            self.lag = {}
            log.warning("lag.not_counted", error=f"{type(error).__name__}: {error}")
        return True

    async def _figures(self) -> LedgerFigures:
        async with connection(self._pool) as borrowed:
            work = await unfinished_work(borrowed, self._group_id)
            outbox = await outbox_depth(borrowed)
            now = await database_time(borrowed)
        requests = Counter({(state.value, ""): 0 for state in UNFINISHED})
        oldest_age_s: dict[str, float] = {}
        for one in work:
            requests[one.state, one.reason or ""] += one.requests
            oldest_age_s[one.state] = max(oldest_age_s.get(one.state, 0.0), _age_s(one.oldest_at, now))
        return LedgerFigures(
            requests=requests,
            oldest_age_s=oldest_age_s,
            outbox_events=outbox.events,
            outbox_age_s=_age_s(outbox.oldest_at, now) if outbox.oldest_at else None,
        )


def _age_s(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())
