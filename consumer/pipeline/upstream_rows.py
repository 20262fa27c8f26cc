"""Rows that posts refer to and upstream writes: requests wait, unpaid, for those that cannot be inserted here."""

import random
from collections.abc import Mapping, Sequence

import structlog

from consumer.pipeline.outcome_store import OutcomeStore
from consumer.pipeline.outcomes import Work, unwritten, usage_so_far
from consumer.pipeline.retry import GiveUp, RetryPolicy, TryAgain, after_missing_rows
from repository.errors import StoreError
from repository.pool import Pool, connection
from repository.references import KEYS, MissingRows, missing_rows, unfillable_tables
from repository.requests import ClaimedRequest
from schemas.reasons import Reason

log = structlog.get_logger()

UNKNOWN_ROWS_RETRY_S = 1.0


class UpstreamRows:
    """Knows in which tables rows must exist before the LLM is paid, and postpones requests that lack one.

    With REFERENCE_ROWS=require that is all tables, with `ensure` those into which no row can be inserted.
    """

    def __init__(
        self,
        pool: Pool,
        outcome_store: OutcomeStore,
        unfillable: Mapping[str, str],
        *,
        ensures: bool,
        policy: RetryPolicy,
        wait_s: float,
    ) -> None:
        self._pool = pool
        self._outcome_store = outcome_store
        self._ensures = ensures
        self._unfillable = dict(unfillable)
        self._policy = policy
        self._wait_s = wait_s

    @property
    def needed(self) -> frozenset[str]:
        """The tables in which a request's rows must exist."""
        return frozenset(self._unfillable if self._ensures else KEYS)

    async def run_once(self) -> None:
        """Check again in which tables rows can be inserted: tables and rights change.

        Raises:
            StoreError: the database could not be asked.
        """
        if not self._ensures:
            return
        async with connection(self._pool) as borrowed:
            found = await unfillable_tables(borrowed)
        if found != self._unfillable:
            log.warning("references.unfillable", tables=found)
            self._unfillable = found

    async def there_for(self, works: Sequence[Work]) -> Sequence[Work]:
        """Return the works whose rows exist or can be inserted; postpone the others before the LLM is paid."""
        tables = self.needed
        if not tables or not works:
            return works
        requests = [work.request for work in works]
        try:
            async with connection(self._pool) as borrowed:
                missing = await missing_rows(borrowed, requests, tables=tables)
        except StoreError as error:
            for request in requests:
                self._put_off(request, TryAgain(UNKNOWN_ROWS_RETRY_S, request.attempts), str(error))
            return []
        for request in requests:
            if rows := missing.get((request.overlay_id, request.revision)):
                self._wait_for(request, rows)
        return [work for work in works if (work.request.overlay_id, work.request.revision) not in missing]

    def _wait_for(self, request: ClaimedRequest, rows: MissingRows) -> None:
        decision = after_missing_rows(
            rows.waited_s, request.attempts, limit_s=self._wait_s, policy=self._policy, random=random.random()
        )
        why = [self._unfillable[table] for table in rows.tables if table in self._unfillable]
        detail = f"upstream has not committed its row in {' and '.join(rows.tables)}"
        self._put_off(request, decision, f"{detail}, and none can be made: {'; '.join(why)}" if why else detail)

    def _put_off(self, request: ClaimedRequest, decision: TryAgain | GiveUp, detail: str) -> None:
        usage = usage_so_far(request)
        self._outcome_store.put(unwritten(request, usage, decision, reason=Reason.MISSING_REFERENCE, detail=detail))
