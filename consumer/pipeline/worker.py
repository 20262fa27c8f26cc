"""Handling one request: a conversation with the model, and the outcome of its end. No connection is held."""

import asyncio
import random
from typing import assert_never

from consumer.llm.errors import Deferred, RequestRefused
from consumer.pipeline.budgets.reserving import Budgets, OverBudget
from consumer.pipeline.conversation import ContextOf, Conversation, LeaseIsHeld
from consumer.pipeline.conversation_end import (
    Agreed,
    Broken,
    ConversationEnd,
    Interrupted,
    NotAfforded,
    NotAnswered,
    NoUsableAnswer,
)
from consumer.pipeline.faults.fault_finder import FaultFinder, Trial
from consumer.pipeline.faults.many_alike import Fault
from consumer.pipeline.outcomes import Held, Outcome, Rejected, RetryLater, Usage, Work, Written, unwritten
from consumer.pipeline.retry import RetryPolicy, after_error, after_failed_attempt
from consumer.pipeline.writing_plans import PlanOf
from repository.requests import ClaimedRequest
from schemas.reasons import Reason

RESERVED_RETRY_S = 1.0  # reserved money is released when calls end


class Worker:
    """Turns a claimed request into an outcome; stateless."""

    def __init__(
        self,
        plan_of: PlanOf,
        lease_is_held: LeaseIsHeld,
        context_of: ContextOf,
        fault_finder: FaultFinder,
        budgets: Budgets,
        *,
        policy: RetryPolicy,
    ) -> None:
        self._plan_of = plan_of
        self._lease_is_held = lease_is_held
        self._fault_finder = fault_finder
        self._budgets = budgets
        self._policy = policy
        self._context_of = context_of

    async def handle(self, work: Work) -> Outcome:
        """Get the post written. Raises nothing; if cancelled, returns what is known by then."""
        plan = self._plan_of(work.request)
        conversation = Conversation(
            work,
            plan.failover,
            plan.template,
            self._lease_is_held,
            plan.editor,
            self._context_of,
            self._fault_finder,
            self._budgets,
        )
        end = await conversation.hold()
        return self._outcome(work, await self._unless_everybodys(end, work.request, conversation.trial))

    async def _unless_everybodys(
        self, end: ConversationEnd, request: ClaimedRequest, trial: Trial | None
    ) -> ConversationEnd:
        """Return the end unchanged, or postponed if others are refused alike: then it is not the request's fault."""
        match end:
            case Agreed():
                self._fault_finder.accept(trial)
                return end
            case NoUsableAnswer(reason=reason, detail=detail):
                pass
            case NotAnswered(error=RequestRefused() as error):
                reason, detail = error.reason, str(error)
            case Broken(defect=detail):
                reason = Reason.INTERNAL_ERROR
            case NotAnswered() | NotAfforded() | Interrupted():
                self._fault_finder.withdraw(trial)
                return end
            case never:
                assert_never(never)
        try:
            fault = await self._fault_finder.fault_of(trial, request, reason)
        except asyncio.CancelledError:
            return Interrupted(usage=end.usage, unrecorded_call=False)
        if fault is Fault.OWN:
            return end
        deferred = Deferred(detail, reason=reason, retry_in_s=self._plan_of(request).failover.retry_in_s)
        return NotAnswered(usage=end.usage, error=deferred, unrecorded_call=False)

    def _outcome(self, work: Work, end: ConversationEnd) -> Outcome:
        request = work.request
        match end:
            case Agreed(usage=usage, edited=edited, answer=answer):
                return Written(request=request, usage=usage, event=work.event, edited=edited, answer=answer)
            case NoUsableAnswer(usage=usage, reason=reason, detail=detail):
                return Rejected(
                    request=request, usage=usage, attempts=request.attempts + 1, reason=reason, detail=detail
                )
            case NotAnswered(usage=usage, error=error, unrecorded_call=unrecorded_call):
                decision = after_error(error, request.attempts, policy=self._policy, random=random.random())
                reason, detail = error.reason, str(error)
                return unwritten(
                    request, usage, decision, reason=reason, detail=detail, unrecorded_call=unrecorded_call
                )
            case NotAfforded(usage=usage, over=over):
                return _put_off(request, usage, over)
            case Interrupted(usage=usage, unrecorded_call=unrecorded_call):
                return RetryLater(
                    request=request,
                    usage=usage,
                    attempts=request.attempts,
                    delay_s=0.0,
                    reason=Reason.PROCESS_STOPPED,
                    detail="the process was told to stop",
                    unrecorded_call=unrecorded_call,
                )
            case Broken(usage=usage, defect=defect):
                decision = after_failed_attempt(request.attempts, policy=self._policy, random=random.random())
                return unwritten(request, usage, decision, reason=Reason.INTERNAL_ERROR, detail=defect)
            case never:
                assert_never(never)


def _put_off(request: ClaimedRequest, usage: Usage, over: OverBudget) -> Held | RetryLater:
    """Return the outcome for a spent budget: held, or retried soon if the rest is only reserved by other calls."""
    if over.until is None:
        return RetryLater(
            request=request,
            usage=usage,
            attempts=request.attempts,
            delay_s=RESERVED_RETRY_S * (1 + random.random()),
            reason=Reason.BUDGET_SPENT,
            detail=str(over),
        )
    return Held(
        request=request,
        usage=usage,
        budget_id=over.budget.budget_id,
        limit=over.limit,
        amount=over.amount,
        until=over.until,
        detail=str(over),
    )
