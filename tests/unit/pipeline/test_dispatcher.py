"""The dispatcher: how many requests are handled at once, and one that has to be alone."""

import asyncio
from collections.abc import Sequence
from typing import cast

from consumer.pipeline.dispatcher import Dispatcher
from consumer.pipeline.outcome_store import OutcomeStore
from consumer.pipeline.outcomes import Outcome, Usage, Work, unwritten
from consumer.pipeline.retry import TryAgain
from consumer.pipeline.tenants import known_tenants as module
from consumer.pipeline.tenants.scheduling import Scheduler
from consumer.pipeline.upstream_rows import UpstreamRows
from consumer.pipeline.worker import Worker
from consumer.pipeline.writing_plans import WritingPlans
from consumer.telemetry.metrics import Metrics
from repository.spending import Spending
from schemas.reasons import Reason
from tests.support.examples import claimed_request, overlay_completed
from tests.support.waiting import eventually


class Store:
    """Takes everything at once."""

    unavailable_reason = None

    def put(self, outcome: Outcome) -> None:
        """Forget it."""

    async def until_available(self) -> None:
        """Always is."""


class Upstream:
    """Has all rows."""

    async def there_for(self, works: Sequence[Work]) -> Sequence[Work]:
        """All of them."""
        return works


class Tenants:
    """Knows everybody."""

    async def know(self, _tenant_ids: object) -> None:
        """Know them."""


class Plans:
    """Has a plan for every request."""

    async def know(self, _requests: object) -> None:
        """Know them."""

    def problem(self, _request: object) -> None:
        """There is none."""


class HeldWorker:
    """Handles until it is let go; knows what is being handled."""

    def __init__(self) -> None:
        self.handling: list[Work] = []
        self.begun_beside: list[tuple[Work, int]] = []
        self.let_go = asyncio.Event()

    async def handle(self, work: Work) -> Outcome:
        """Note who is there, and wait."""
        self.handling.append(work)
        self.begun_beside.append((work, len(self.handling) - 1))
        await self.let_go.wait()
        self.handling.remove(work)
        usage = Usage(1, Spending(prompt_tokens=600, completion_tokens=100))
        return unwritten(work.request, usage, TryAgain(1.0, 0), reason=Reason.LLM_UNAVAILABLE, detail="")


def work() -> Work:
    return Work(claimed_request(), overlay_completed())


class Charges:
    """Notes what is charged, and what it is corrected by."""

    def __init__(self) -> None:
        self.settled: list[tuple[str, float, int | None, bool]] = []

    def begin(self, _tenant_id: str, *, background: bool) -> float:
        """Charge a background request more, so that they can be told apart."""
        return 2_000.0 if background else 1_000.0

    def settle(self, tenant_id: str, charged: float, tokens: int | None, *, background: bool) -> None:
        """Note it."""
        self.settled.append((tenant_id, charged, tokens, background))


def dispatcher_of(worker: HeldWorker, tasks: asyncio.TaskGroup, charges: Charges | None = None) -> Dispatcher:
    return Dispatcher(
        tasks,
        cast("Worker", worker),
        cast("OutcomeStore", Store()),
        cast("UpstreamRows", Upstream()),
        cast("module.Tenants", Tenants()),
        cast("WritingPlans", Plans()),
        cast("Scheduler", charges or Charges()),
        Metrics().messaging.processing("overlay.completed"),
        calls=3,
    )


async def test_what_has_to_be_alone_waits_for_the_others_and_lets_nothing_begin_beside_it() -> None:
    worker = HeldWorker()
    async with asyncio.TaskGroup() as tasks:
        dispatcher = dispatcher_of(worker, tasks)
        await dispatcher.start([work(), work()])
        await eventually(lambda: len(worker.handling) == 2)
        assert dispatcher.handling == 2
        alone = work()
        await dispatcher.start([alone], alone=True)
        await asyncio.sleep(0)
        await dispatcher.start([work(), work()])
        await asyncio.sleep(0)
        assert alone not in worker.handling
        worker.let_go.set()
    assert (worker.handling, dispatcher.handling) == ([], 0)
    assert worker.begun_beside[2] == (alone, 0)


async def test_what_waits_for_a_call_to_end_is_not_being_written() -> None:
    worker = HeldWorker()
    async with asyncio.TaskGroup() as tasks:
        dispatcher = dispatcher_of(worker, tasks)
        await dispatcher.start([work() for _ in range(5)])
        await eventually(lambda: len(worker.handling) == 3)
        await asyncio.sleep(0)
        assert dispatcher.handling == 3
        worker.let_go.set()
    assert dispatcher.handling == 0


async def test_a_tenant_is_charged_when_its_request_begins_and_what_it_took_is_told_at_the_end() -> None:
    worker, charges = HeldWorker(), Charges()
    worker.let_go.set()
    async with asyncio.TaskGroup() as tasks:
        dispatcher = dispatcher_of(worker, tasks, charges)
        one = work()
        await dispatcher.start([one])
        await dispatcher.start([one], background=True)
    tenant_id = one.request.tenant_id
    assert charges.settled == [(tenant_id, 1_000.0, 700, False), (tenant_id, 2_000.0, 700, True)]


async def test_of_one_that_is_cut_off_nobody_knows_what_it_took() -> None:
    worker, charges = HeldWorker(), Charges()
    async with asyncio.TaskGroup() as tasks:
        dispatcher = dispatcher_of(worker, tasks, charges)
        one = work()
        await dispatcher.start([one])
        await eventually(lambda: len(worker.handling) == 1)
        await dispatcher.cancel()
    assert charges.settled == [(one.request.tenant_id, 1_000.0, None, False)]
