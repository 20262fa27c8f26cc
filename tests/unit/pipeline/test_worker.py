"""Calls that are not made: an answer that was lost is looked for first, and a lease has to be held still."""

from typing import cast

import pytest

from consumer.llm.breaker import Breaker
from consumer.llm.chat import CallId
from consumer.llm.completion import Completion
from consumer.llm.errors import AccountRefused, CallFailed, LlmError, RateLimited
from consumer.llm.failover import Failover
from consumer.llm.provider import Provider
from consumer.llm.rate_limit.limiter import RateLimiter
from consumer.llm.writer import Writer
from consumer.pipeline.faults.fault_finder import FaultFinder
from consumer.pipeline.outcomes import RetryLater, Work
from consumer.pipeline.retry import RetryPolicy
from consumer.pipeline.worker import Worker
from consumer.pipeline.writing_plans import WritingPlan
from consumer.post.prompt import PromptTemplate
from tests.support.budgets import no_budgets
from tests.support.examples import claimed_request, llm_model, overlay_completed
from tests.support.quality import context, editor

ONE_ATTEMPT = RetryPolicy(max_attempts=1, base_s=1, max_s=1)


class WriterWithoutLookup:
    """Its store cannot be asked; `write` is not there, so calling it is a defect."""

    def __init__(self, error: LlmError) -> None:
        self.model = llm_model()
        self._error = error

    async def find_stored(self, _call_id: CallId) -> Completion | None:
        """Fail."""
        raise self._error


@pytest.mark.parametrize(
    "error",
    [CallFailed("HTTP 500"), AccountRefused("HTTP 401"), RateLimited("HTTP 429", retry_after_s=1)],
    ids=lambda error: type(error).__name__,
)
async def test_while_a_lost_answer_cannot_be_looked_up_no_other_is_paid_and_no_attempt_used(error: LlmError) -> None:
    writer = cast("Writer", WriterWithoutLookup(error))
    provider = Provider(writer, RateLimiter(), Breaker(probe_deadline_s=60))
    template = PromptTemplate(language="ko", max_hashtags=5)
    failover = Failover(provider)
    finder = FaultFinder(failover, put_back=lambda *_: None)
    plan = WritingPlan(failover, template, editor())
    worker = Worker(lambda _: plan, lambda _: True, lambda _: context(), finder, no_budgets(), policy=ONE_ATTEMPT)
    lost = claimed_request(llm_calls=1, unrecorded_call=True)

    outcome = await worker.handle(Work(lost, overlay_completed()))

    assert isinstance(outcome, RetryLater)
    assert (outcome.attempts, outcome.usage.llm_calls, outcome.unrecorded_call) == (0, 1, True)
    assert outcome.delay_s >= 5


async def test_a_request_whose_lease_may_have_run_out_before_the_call_is_not_called_for() -> None:
    """Found by chaos: frozen while it waited to be admitted, a process paid for what another had taken over."""
    writer = cast("Writer", WriterWithoutLookup(CallFailed("no lookup is needed")))
    provider = Provider(writer, RateLimiter(), Breaker(probe_deadline_s=60))
    template = PromptTemplate(language="ko", max_hashtags=5)
    failover = Failover(provider)
    finder = FaultFinder(failover, put_back=lambda *_: None)
    plan = WritingPlan(failover, template, editor())
    worker = Worker(lambda _: plan, lambda _: False, lambda _: context(), finder, no_budgets(), policy=ONE_ATTEMPT)

    outcome = await worker.handle(Work(claimed_request(), overlay_completed()))

    assert isinstance(outcome, RetryLater)
    assert (outcome.reason, outcome.attempts, outcome.usage.llm_calls) == ("late_call", 0, 0)
    assert not outcome.unrecorded_call
