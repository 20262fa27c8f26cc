"""From a claim to a worker's task: the single entrance to handling, for intake and sweeper."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from consumer.pipeline.outcome_store import OutcomeStore
from consumer.pipeline.outcomes import Outcome, Work, Written, unwritten, usage_so_far
from consumer.pipeline.retry import TryAgain
from consumer.pipeline.tenants.known_tenants import Tenants
from consumer.pipeline.tenants.scheduling import Scheduler
from consumer.pipeline.upstream_rows import UpstreamRows
from consumer.pipeline.worker import Worker
from consumer.pipeline.writing_plans import WritingPlans
from consumer.telemetry.metrics.messaging import Processing
from repository.errors import StoreError
from schemas.reasons import Reason

UNKNOWN_TENANT_RETRY_S = 1.0
UNWRITABLE_VARIANT_RETRY_S = 30.0


class _Charge(NamedTuple):
    """What a tenant was charged when its request started, and in which share (live or background)."""

    tokens: float
    background: bool


class Dispatcher:
    """Starts one task per claimed request in the given task group, at most `calls` at once."""

    def __init__(  # noqa: PLR0913 - the parts of one door
        self,
        tasks: asyncio.TaskGroup,
        worker: Worker,
        outcome_store: OutcomeStore,
        upstream_rows: UpstreamRows,
        tenants: Tenants,
        plans: WritingPlans,
        scheduler: Scheduler,
        processing: Processing,
        *,
        calls: int,
    ) -> None:
        self._tasks = tasks
        self._worker = worker
        self._outcome_store = outcome_store
        self._upstream_rows = upstream_rows
        self._tenants = tenants
        self._plans = plans
        self._scheduler = scheduler
        self._processing = processing
        self._limit = calls
        self._calls = asyncio.Semaphore(calls)
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()
        self._handling = 0

    @property
    def handling(self) -> int:
        """How many requests are being handled now, at most `calls`.

        Requests claimed ahead, or written but not yet stored, hold slots of `InFlight` as well: a quarter more.
        """
        return self._handling

    @property
    def unavailable_reason(self) -> str | None:
        """Why nothing should be started now; None while it may."""
        return self._outcome_store.unavailable_reason

    async def start(self, works: Sequence[Work], *, alone: bool = False, background: bool = False) -> None:
        """Start handling requests that already count as in flight; with `alone`, each while nothing else is handled."""
        handle = self._handle_alone if alone else self._handle
        for work in await self._with_plans(await self._of_known_tenants(await self._upstream_rows.there_for(works))):
            charged = self._scheduler.begin(work.request.tenant_id, background=background)
            task = self._tasks.create_task(handle(work, _Charge(charged, background)))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def cancel(self) -> None:
        """Cancel all handling; what was paid for by then is still stored."""
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _handle(self, work: Work, charge: "_Charge") -> None:
        async with self._calls:
            await self._handle_now(work, charge)

    async def _handle_now(self, work: Work, charge: "_Charge") -> None:
        self._handling += 1
        tokens: int | None = None
        try:
            await self._outcome_store.until_available()
            began_s = time.perf_counter()
            outcome = await self._worker.handle(work)
            tokens = _tokens_taken(work, outcome)
            error = "" if isinstance(outcome, Written) else outcome.reason
            self._processing.ended(time.perf_counter() - began_s, error)
        finally:
            self._handling -= 1
            self._scheduler.settle(work.request.tenant_id, charge.tokens, tokens, background=charge.background)
        if isinstance(outcome, Written):
            self._tenants.remember(work.event, outcome.edited.fingerprint)
        self._outcome_store.put(outcome)

    async def _handle_alone(self, work: Work, charge: "_Charge") -> None:
        """Handle a request once all others have ended; new ones wait for it."""
        async with self._turn:
            # acquired together: one by one, each would queue behind newcomers
            await asyncio.gather(*(self._calls.acquire() for _ in range(self._limit)))
            try:
                await self._handle_now(work, charge)
            finally:
                for _ in range(self._limit):
                    self._calls.release()

    async def _of_known_tenants(self, works: Sequence[Work]) -> Sequence[Work]:
        """Return the works whose tenants' settings are known; postpone the rest: no disclosure may be left out."""
        try:
            await self._tenants.know(work.event.tenant_id for work in works)
        except StoreError as error:
            for work in works:
                if not self._tenants.knows(work.event.tenant_id):
                    self._put_off(work, str(error))
            return [work for work in works if self._tenants.knows(work.event.tenant_id)]
        return works

    async def _with_plans(self, works: Sequence[Work]) -> Sequence[Work]:
        """Return the works whose variants can be written; postpone the others: a variant is never replaced."""
        with suppress(StoreError):
            await self._plans.know(work.request for work in works)
        writable: list[Work] = []
        for work in works:
            if problem := self._plans.problem(work.request):
                self._put_off(work, problem, reason=Reason.LLM_ACCOUNT_REFUSED, retry_in_s=UNWRITABLE_VARIANT_RETRY_S)
            else:
                writable.append(work)
        return writable

    def _put_off(
        self,
        work: Work,
        detail: str,
        *,
        reason: Reason = Reason.TENANT_UNKNOWN,
        retry_in_s: float = UNKNOWN_TENANT_RETRY_S,
    ) -> None:
        decision = TryAgain(retry_in_s, work.request.attempts)
        usage = usage_so_far(work.request)
        self._outcome_store.put(unwritten(work.request, usage, decision, reason=reason, detail=detail))


def _tokens_taken(work: Work, outcome: Outcome) -> int | None:
    """Return the tokens this handling used; None if a call did not report them."""
    before, after = work.request.spent.total_tokens, outcome.usage.spent.total_tokens
    return None if before is None or after is None else after - before
