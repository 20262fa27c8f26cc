"""The calls made to get one post: decides on the next call until there is a post, or none can be expected."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import assert_never

import structlog

from consumer.llm.chat import CallId, Messages, as_text
from consumer.llm.cost import spending_in_vain
from consumer.llm.errors import CallFailed, Deferred, LlmError
from consumer.llm.failover import Failover
from consumer.llm.provider import Admission
from consumer.llm.writer import Writer
from consumer.pipeline.budgets.reserving import Budgets, OverBudget, Reservation
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
from consumer.pipeline.judgement import CutOff, Declined, Unusable, Verdict, judge
from consumer.pipeline.outcomes import Answer, Call, Work, usage_so_far
from consumer.pipeline.unused_calls import answer_in, is_same_answer, unanswered, unused, usage_with_kept
from consumer.post.editor import EditedPost, Editor
from consumer.post.prompt import PromptTemplate, with_repair
from consumer.post.quality.gate import Context
from repository.budget_calls import FoundCall
from repository.requests import ClaimedRequest
from schemas.call_verdict import CallVerdict
from schemas.overlay_completed import OverlayCompleted
from schemas.quality import QualityRule
from schemas.reasons import Reason

log = structlog.get_logger()

LARGER_LIMIT_FACTOR = 2

LeaseIsHeld = Callable[[ClaimedRequest], bool]
"""Whether this process certainly still holds a request's lease."""

ContextOf = Callable[[OverlayCompleted], Context]
"""What a post for this event is judged by."""


class Conversation:
    """Starts with the first prompt; may enlarge the token limit once and ask for a repair once.

    Each call goes to the provider in use at that time, so that a conversation does not depend on one whose account
    has since been refused.
    """

    def __init__(
        self,
        work: Work,
        failover: Failover,
        template: PromptTemplate,
        lease_is_held: LeaseIsHeld,
        editor: Editor,
        context_of: ContextOf,
        fault_finder: FaultFinder,
        budgets: Budgets,
    ) -> None:
        self.trial: Trial | None = None
        """The provider at which the request is being tried, once a call was made."""
        self._work = work
        self._fault_finder = fault_finder
        self._budgets = budgets
        self._failover = failover
        self._lease_is_held = lease_is_held
        self._editor = editor
        self._context_of = context_of
        self._template = template
        self._messages: Messages = ()
        self._limit_factor = 1
        self._is_repaired = False
        self._unrecorded_call = work.request.unrecorded_call
        self._usage = usage_so_far(work.request)

    async def hold(self) -> ConversationEnd:
        """Make calls until the conversation ends or is cancelled, which is an end, too. Raises nothing."""
        try:
            self._messages = self._template.messages(self._work.event)
            context = self._context_of(self._work.event)
            return self._from_kept_answers(context) or await self._until_decided(context)
        except LlmError as error:
            return NotAnswered(usage=self._usage, error=error, unrecorded_call=self._may_be_found(error))
        except OverBudget as over:
            return NotAfforded(usage=self._usage, over=over)
        except asyncio.CancelledError:
            return Interrupted(usage=self._usage, unrecorded_call=self._unrecorded_call)
        except Exception as error:
            # a bug must not affect the other events in flight
            log.exception("worker.defect", overlay_id=str(self._work.request.overlay_id))
            return Broken(usage=self._usage, defect=type(error).__name__)

    def _from_kept_answers(self, context: Context) -> Agreed | None:
        """Return a post from an answer already paid for: rules, reader or database may have changed since."""
        for kept in self._work.kept:
            answer = answer_in(kept, self._work.request)
            if answer and isinstance(verdict := self._judged(answer, context), EditedPost):
                usage = usage_with_kept(self._usage, answer)
                return Agreed(usage=usage, edited=verdict, answer=answer)
        return None

    async def _until_decided(self, context: Context) -> ConversationEnd:
        while True:
            answer = await self._ask()
            verdict = self._judged(answer, context)
            match verdict:
                case EditedPost():
                    return Agreed(usage=self._usage, edited=verdict, answer=answer)
                case CutOff():
                    self._keep(answer, CallVerdict.CUT_OFF)
                case Unusable(detail=detail, refused_by=rules):
                    self._keep(answer, CallVerdict.UNUSABLE, detail, refused_by=rules)
                case Declined(reason, detail):
                    is_filtered = reason is Reason.LLM_CONTENT_FILTERED
                    self._keep(answer, CallVerdict.FILTERED if is_filtered else CallVerdict.REFUSED, detail)
                case never:
                    assert_never(never)
            if end := self._end_after(verdict, answer):
                return end

    def _end_after(self, verdict: CutOff | Unusable | Declined, answer: Answer) -> NoUsableAnswer | None:
        """Return the end of the conversation, or None if another call is worthwhile; then that call is prepared."""
        match verdict:
            case CutOff() if self._limit_factor == 1:
                self._limit_factor = LARGER_LIMIT_FACTOR
            case Unusable(problems) if not self._is_repaired:
                self._messages = with_repair(self._messages, answer.completion.content, problems)
                self._is_repaired = True
            case CutOff():
                return self._without_post(Reason.LLM_TRUNCATED, f"cut off at {answer.call.max_tokens} tokens")
            case Unusable(detail=detail):
                return self._without_post(Reason.LLM_OUTPUT_INVALID, detail)
            case Declined(reason, detail):
                return self._without_post(reason, detail)
            case never:
                assert_never(never)
        return None

    def _judged(self, answer: Answer, context: Context) -> Verdict:
        return judge(answer.completion, self._editor, context)

    async def _ask(self) -> Answer:
        """Return the next answer.

        If a lost process or connection left a call with an unrecorded outcome, its completion is looked up first:
        it has been paid for.

        Raises:
            LlmError: there is no answer.
        """
        if self._unrecorded_call:
            self._unrecorded_call = False
            found = await self._failover.find_stored(self._call_id())
            # the newest completion may be one that an earlier handling already counted and kept (found by chaos)
            if found and not any(is_same_answer(kept, found[1]) for kept in self._work.kept):
                writer, completion = found
                return self._found(Answer.to(self._call_of(writer), completion))
        return await self._call()

    async def _call(self) -> Answer:
        """Make a call. Once admitted it is counted, even if it fails: the provider may have billed it."""
        admission = await self._failover.admit(self._messages, after=self.trial.admission if self.trial else None)
        reservation = await self._reserved(admission)
        if not self._lease_is_held(self._work.request):
            # a process that was frozen would pay for a request that another one has taken over (found by chaos)
            reservation.cancel()
            admission.give_back()
            detail = "a pause before the call, longer than the lease is sure"
            raise Deferred(detail, reason=Reason.LATE_CALL, retry_in_s=0.0)
        self._usage = self._usage.with_call()
        self.trial = self._fault_finder.begin(admission, self.trial)
        call = self._call_of(admission.writer)
        try:
            completion = await admission.write(
                self._messages, max_tokens=call.max_tokens, call_id=self._call_id(), flex=self._is_flex(call)
            )
        except LlmError as error:
            self._count_in_vain(admission, call, error, reservation)
            raise
        except asyncio.CancelledError:
            left = CallFailed("nobody waited for the answer: the process was told to stop", maybe_billed=True)
            self._unrecorded_call = self._may_be_found(left)
            self._count_in_vain(admission, call, left, reservation)
            raise
        except Exception:
            admission.took(None)
            self._usage = self._usage.with_charges(reservation.end(None))
            raise
        answer = Answer.to(call, completion)
        admission.took(answer.spent, answer.call.delivery)
        self._usage = self._usage.with_spending(answer.spent).with_charges(reservation.end(answer.spent))
        return answer

    async def _reserved(self, admission: Admission) -> Reservation:
        """Return the reservation for the admitted call; a trial means that it is not the first call of this handling.

        Raises:
            OverBudget: the budget cannot pay for it. The admission is returned.
        """
        try:
            return await self._budgets.reserve(
                self._work.request,
                self._messages,
                admission.writer,
                limit_factor=self._limit_factor,
                call_number=self._usage.llm_calls + 1,
                is_further=self.trial is not None,
            )
        except BaseException:
            admission.give_back()
            raise

    def _call_of(self, writer: Writer) -> Call:
        return Call(
            number=self._usage.llm_calls,
            called_at=datetime.now(UTC),
            model=writer.model,
            temperature=writer.temperature,
            max_tokens=writer.max_tokens * self._limit_factor,
            prompt=as_text(self._messages),
            prompt_version=self._template.version,
        )

    def _is_flex(self, call: Call) -> bool:
        return self._work.request.background and call.model.supports_flex

    def _call_id(self) -> CallId:
        request = self._work.request
        return CallId(request.overlay_id, request.revision, self._usage.llm_calls)

    def _found(self, answer: Answer) -> Answer:
        """Count the answer to a call made by an earlier handling."""
        request, spent = self._work.request, answer.spent
        found = FoundCall(
            overlay_id=request.overlay_id,
            revision=request.revision,
            cost_usd=spent.cost_usd,
            tokens=spent.total_tokens,
        )
        self._usage = self._usage.with_spending(spent).with_found(found)
        return answer

    def _count_in_vain(self, admission: Admission, call: Call, error: LlmError, reservation: Reservation) -> None:
        spent = spending_in_vain(error, call.model)
        admission.took(spent)
        self._usage = self._usage.with_unused(unanswered(self._work.request, call, error, spent))
        self._usage = self._usage.with_charges(reservation.end(spent))
        if spent:
            self._usage = self._usage.with_spending(spent)

    def _keep(
        self,
        answer: Answer,
        verdict: CallVerdict,
        detail: str | None = None,
        *,
        refused_by: tuple[QualityRule, ...] = (),
    ) -> None:
        call = unused(self._work.request, answer, verdict, detail)
        self._usage = self._usage.with_unused(call, refused_by=refused_by)

    def _may_be_found(self, error: LlmError) -> bool:
        """Return whether the provider's store may have a completion that has not been counted yet.

        Only if no other call was counted: otherwise the newest completion might be that one.
        """
        return error.maybe_billed and self._usage.spent == self._work.request.spent

    def _without_post(self, reason: Reason, detail: str) -> NoUsableAnswer:
        return NoUsableAnswer(usage=self._usage, reason=reason, detail=detail)
