"""From a claim to a worker's task: the one door into handling, for the intake and the sweeper alike."""

import asyncio
import random
from collections.abc import Sequence

from consumer.pipeline.outcome_store import OutcomeStore
from consumer.pipeline.outcomes import Work, unwritten, usage_so_far
from consumer.pipeline.retry import GiveUp, RetryPolicy, TryAgain, after_failed_attempt
from consumer.pipeline.worker import Worker
from repository.errors import StoreError
from repository.pool import Pool, connection
from repository.references import missing_references
from repository.requests import ClaimedRequest
from schemas.reasons import Reason

UNKNOWN_REFERENCE_RETRY_S = 1.0


class Dispatcher:
    """Starts one task for each claimed request, at most `calls` at once; the tasks belong to the given group."""

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        worker: Worker,
        outcome_store: OutcomeStore,
        pool: Pool,
        *,
        calls: int,
        policy: RetryPolicy,
        require_references: bool,
    ) -> None:
        self._tasks = tasks
        self._worker = worker
        self._outcome_store = outcome_store
        self._pool = pool
        self._calls = asyncio.Semaphore(calls)
        self._policy = policy
        self._require_references = require_references
        self._running: set[asyncio.Task[None]] = set()

    @property
    def unavailable_reason(self) -> str | None:
        """Why nothing should be started now; None while it may."""
        return self._outcome_store.unavailable_reason

    async def start(self, works: Sequence[Work]) -> None:
        """Begin handling requests that already count as in flight."""
        if self._require_references:
            works = await self._with_references(works)
        for work in works:
            task = self._tasks.create_task(self._handle(work))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def cancel(self) -> None:
        """Stop all that is being handled; what was paid for by then is left to be stored."""
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _handle(self, work: Work) -> None:
        async with self._calls:
            await self._outcome_store.until_available()
            self._outcome_store.put(await self._worker.handle(work))

    async def _with_references(self, works: Sequence[Work]) -> list[Work]:
        """The works that could be stored. The others are put off before the LLM is paid for them."""
        requests = [work.request for work in works]
        try:
            async with connection(self._pool) as borrowed:
                missing = await missing_references(
                    borrowed,
                    [request.overlay_id for request in requests],
                    [request.job_id for request in requests],
                )
        except StoreError as error:
            for request in requests:
                self._put_off(request, TryAgain(UNKNOWN_REFERENCE_RETRY_S, request.attempts), str(error))
            return []
        for request in requests:
            if request.overlay_id in missing:
                decision = after_failed_attempt(request.attempts, policy=self._policy, random=random.random())
                self._put_off(request, decision, "upstream has not committed the overlay's row or its job's")
        return [work for work in works if work.request.overlay_id not in missing]

    def _put_off(self, request: ClaimedRequest, decision: TryAgain | GiveUp, detail: str) -> None:
        usage = usage_so_far(request)
        self._outcome_store.put(unwritten(request, usage, decision, reason=Reason.MISSING_REFERENCE, detail=detail))
