"""Refusals wait for the fates of others; what hits everybody stops the provider, and another may step in."""

import asyncio
import json
from collections.abc import Iterable
from typing import cast
from uuid import UUID, uuid4

from consumer.llm.breaker import Breaker
from consumer.llm.chat import CallId, Messages
from consumer.llm.completion import Completion
from consumer.llm.errors import LlmError, RequestRefused
from consumer.llm.failover import Failover
from consumer.llm.provider import Provider
from consumer.llm.rate_limit.limiter import RateLimiter
from consumer.llm.writer import Writer
from consumer.pipeline.faults.fault_finder import FaultFinder, RequestKey
from consumer.pipeline.outcomes import Outcome, Rejected, RetryLater, Work, Written
from consumer.pipeline.retry import RetryPolicy
from consumer.pipeline.worker import Worker
from consumer.pipeline.writing_plans import WritingPlan
from consumer.post.prompt import PromptTemplate
from schemas.overlay_completed import OverlayCompleted
from schemas.reasons import Reason
from tests.support.budgets import no_budgets
from tests.support.examples import claimed_request, completion, llm_model, overlay_completed
from tests.support.quality import context, editor
from tests.support.waiting import eventually

GOOD = json.dumps({"instagram_ad_copy": "오늘의 원두를 만나 보세요", "hashtags": "#원두"})
MANY = 12


class FakeWriter:
    """Gives the same answer to all, or fails for all in the same way, after `delay_s`."""

    def __init__(self, name: str, content: str = GOOD) -> None:
        self.model = llm_model(model_name=name)
        self.temperature = None
        self.max_tokens = 1_000
        self.content = content
        self.error: Exception | None = None
        self.bad: set[UUID] = set()
        self.delay_s = 0.0
        self.calls = 0

    async def write(self, _messages: Messages, *, max_tokens: int, call_id: CallId, **_: bool) -> Completion:  # noqa: ARG002
        """Make one call; the bad ones fail at once."""
        self.calls += 1
        if call_id.overlay_id in self.bad:
            raise RequestRefused("HTTP 400: no")
        await asyncio.sleep(self.delay_s)
        if self.error:
            raise self.error
        return completion(content=self.content, finish_reason="stop")


class Shop:
    """A worker with the given models, and what it asked to be put back."""

    def __init__(self, *writers: FakeWriter, patience_s: float = 10.0, first_wait_s: float = 3_600.0) -> None:
        self.put_back: list[tuple[set[RequestKey], Reason]] = []
        self.failover = Failover(
            *(
                Provider(cast("Writer", writer), RateLimiter(), Breaker(probe_deadline_s=60, first_wait_s=first_wait_s))
                for writer in writers
            )
        )
        self.template = PromptTemplate(language="ko", max_hashtags=5)
        finder = FaultFinder(self.failover, put_back=self._put_back, patience_s=patience_s)
        the_editor = editor()
        self.worker = Worker(
            lambda _: WritingPlan(self.failover, self.template, the_editor),
            lambda _: True,
            lambda _: context(),
            finder,
            no_budgets(),
            policy=RetryPolicy(max_attempts=3, base_s=1, max_s=1),
        )

    def _put_back(self, requests: Iterable[RequestKey], reason: Reason) -> None:
        self.put_back.append((set(requests), reason))

    async def handle(self, *overlay_ids: UUID) -> list[Outcome]:
        """Handle these requests at once, each with an event of its own."""
        works = [Work(claimed_request(overlay_id=one), overlay_completed(overlay_id=str(one))) for one in overlay_ids]
        return await asyncio.gather(*map(self.worker.handle, works))


def some(count: int = MANY) -> list[UUID]:
    return [uuid4() for _ in range(count)]


async def test_useless_answers_for_everybody_fail_none_and_stop_the_model() -> None:
    writer = FakeWriter("changed", content="no post at all")
    shop = Shop(writer)

    outcomes = await shop.handle(*some())

    assert all(isinstance(outcome, RetryLater) and outcome.attempts == 0 for outcome in outcomes)
    assert shop.failover.unavailable_reason is not None
    assert shop.failover.unavailable_reason.startswith("llm_output_invalid: ")
    paid = writer.calls
    await shop.handle(*some())
    assert writer.calls == paid


async def test_a_fallback_writes_while_the_preferred_model_gives_useless_answers() -> None:
    shop = Shop(FakeWriter("changed", content="no post at all"), FakeWriter("fallback"))
    await shop.handle(*some())
    assert shop.failover.unavailable_reason is None
    [outcome] = await shop.handle(*some(1))
    assert isinstance(outcome, Written)
    assert outcome.answer.call.model.model_name == "fallback"


async def test_a_probe_that_brings_a_post_lets_everybody_write_again() -> None:
    writer = FakeWriter("changed", content="no post at all")
    shop = Shop(writer, first_wait_s=1e-6)
    await shop.handle(*some())
    writer.content = GOOD
    [probed] = await shop.handle(*some(1))
    assert isinstance(probed, Written)
    assert shop.failover.unavailable_reason is None
    assert all(isinstance(outcome, Written) for outcome in await shop.handle(*some()))


async def test_a_probe_may_need_its_repair_call() -> None:
    writer = FakeWriter("changed", content="no post at all")
    shop = Shop(writer, first_wait_s=1e-6)
    await shop.handle(*some())
    before = writer.calls
    [probed] = await shop.handle(*some(1))
    assert isinstance(probed, RetryLater)
    assert writer.calls == before + 2


async def test_a_probe_that_is_refused_like_the_others_is_followed_by_no_other_at_once() -> None:
    writer = FakeWriter("refusing")
    writer.error = RequestRefused("HTTP 400: no")
    shop = Shop(writer, first_wait_s=0.5)
    await shop.handle(*some())
    await eventually(lambda: shop.failover.allowance(1))
    paid = writer.calls
    outcomes = [await shop.handle(one) for one in some()]
    assert writer.calls == paid + 1
    assert all(isinstance(outcome, RetryLater) and outcome.attempts == 0 for [outcome] in outcomes)


async def test_one_bad_request_waits_for_a_good_one_and_fails_alone() -> None:
    writer = FakeWriter("good")
    shop = Shop(writer)
    bad, *good = some()
    writer.bad, writer.delay_s = {bad}, 0.05
    first, *others = await shop.handle(bad, *good)
    assert isinstance(first, Rejected)
    assert (first.reason, first.attempts) == (Reason.LLM_BAD_REQUEST, 1)
    assert all(isinstance(outcome, Written) for outcome in others)
    assert shop.put_back == []


async def test_one_that_nobody_is_there_to_compare_with_fails_at_once() -> None:
    writer = FakeWriter("good")
    [bad] = writer.bad = set(some(1))
    [outcome] = await Shop(writer).handle(bad)
    assert isinstance(outcome, Rejected)


async def test_patience_with_the_others_ends() -> None:
    writer = FakeWriter("slow")
    writer.delay_s = 0.5
    bad, slow = some(2)
    writer.bad = {bad}
    shop = Shop(writer, patience_s=0.05)
    handled = asyncio.create_task(shop.handle(slow))
    await asyncio.sleep(0)
    async with asyncio.timeout(0.4):
        [outcome] = await shop.handle(bad)
    assert isinstance(outcome, Rejected)
    await handled


async def test_those_that_failed_one_by_one_are_put_back_when_it_shows() -> None:
    writer = FakeWriter("refusing")
    writer.bad = set(one_by_one := some(5))
    shop = Shop(writer)
    outcomes = [(await shop.handle(one))[0] for one in one_by_one]
    assert [type(outcome) for outcome in outcomes] == [Rejected] * 4 + [RetryLater]
    [(requests, reason)] = shop.put_back
    assert reason is Reason.LLM_BAD_REQUEST
    assert {overlay_id for overlay_id, _ in requests} >= set(one_by_one[:4])


async def test_a_defect_of_ours_that_hits_every_call_pauses_and_uses_up_no_attempt() -> None:
    writer = FakeWriter("good")
    writer.error = RuntimeError("a defect")
    shop = Shop(writer)
    outcomes = await shop.handle(*some())
    assert all(isinstance(outcome, RetryLater) and outcome.attempts == 0 for outcome in outcomes)
    assert shop.failover.unavailable_reason is not None
    assert shop.failover.unavailable_reason.startswith("internal_error: ")


async def test_a_defect_before_any_call_stops_every_model() -> None:
    shop = Shop(FakeWriter("good"), FakeWriter("fallback"))

    class BrokenTemplate(PromptTemplate):
        def messages(self, event: OverlayCompleted) -> Messages:  # noqa: ARG002 - of the parent's form
            raise RuntimeError("a defect")

    shop.template = BrokenTemplate(language="ko", max_hashtags=5)
    outcomes = await shop.handle(*some())
    assert shop.failover.unavailable_reason is not None
    late = [outcome for outcome in outcomes if isinstance(outcome, RetryLater) and outcome.attempts == 0]
    assert len(late) > MANY // 2
    assert not any(isinstance(outcome, Rejected) for outcome in outcomes)


async def test_a_defect_that_one_event_alone_meets_is_tried_again_for_that_event() -> None:
    writer = FakeWriter("good")
    shop = Shop(writer)
    await shop.handle(*some())
    writer.error = RuntimeError("a defect")
    [outcome] = await shop.handle(*some(1))
    assert isinstance(outcome, RetryLater)
    assert (outcome.reason, outcome.attempts) == (Reason.INTERNAL_ERROR, 1)


async def test_errors_that_tell_nothing_of_the_request_leave_others_undisturbed() -> None:
    writer = FakeWriter("away")
    writer.error = cast("LlmError", RequestRefused("HTTP 400: no"))
    shop = Shop(writer)
    outcomes = await shop.handle(*some(3))
    assert all(isinstance(outcome, Rejected) for outcome in outcomes)
