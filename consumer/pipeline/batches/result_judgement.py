"""Judging the result of a batch line: like a live answer, after its ref has been checked. Pure."""

from dataclasses import dataclass, replace
from typing import assert_never

from pydantic_core import from_json

from consumer.llm.batches.result_file import Result
from consumer.llm.chat import Message, as_text
from consumer.llm.completion import Completion
from consumer.llm.cost import spending_in_vain
from consumer.llm.errors import AccountRefused, CallFailed, LlmError, RateLimited, RequestRefused
from consumer.pipeline.batches.group_store import Settled
from consumer.pipeline.batches.rest import Rest, sent_on
from consumer.pipeline.conversation import ContextOf
from consumer.pipeline.judgement import CutOff, Declined, Unusable, judge
from consumer.pipeline.outcomes import Answer, Call, Rejected, Usage, Written, usage_so_far
from consumer.pipeline.unused_calls import unanswered, unused
from consumer.pipeline.writing_plans import PlanOf
from consumer.post.editor import EditedPost
from consumer.post.ref import ref_of, refs_in
from repository.batch_lines import BatchLine, OpenLine
from repository.batch_requests import SentOn
from repository.batches import Batch
from repository.llm_models import LlmModel
from repository.requests import ClaimedRequest
from repository.spending import NOTHING_SPENT, Spending
from schemas.call_verdict import CallVerdict
from schemas.overlay_completed import OverlayCompleted
from schemas.reasons import Reason

MOST_REFUSED_SHARE = 0.5  # of a batch's lines; above that it is not the requests' fault
FEW_LINES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The judgement of a line; `is_suspect`: its answer names another overlay."""

    settled: Settled
    is_suspect: bool = False


class ResultJudge:
    """Judges results by the plan of their request, at the price of their batch."""

    def __init__(self, plan_of: PlanOf, context_of: ContextOf, rest: Rest) -> None:
        self._plan_of = plan_of
        self._context_of = context_of
        self._rest = rest
        self._reduced: tuple[LlmModel, LlmModel] | None = None

    def judge(self, batch: Batch, open_line: OpenLine, event: OverlayCompleted, result: Result) -> Judged:
        """Judge a line that has a result."""
        request = open_line.request
        call = _call(batch, open_line.line, self._at_reduced_price(batch.model))
        usage = usage_so_far(request)
        match result.outcome:
            case Completion() as completion:
                return self._judge_answer(batch, open_line, event, Answer.to(call, completion), usage)
            case LlmError() as error:
                spent = spending_in_vain(error, call.model)
                usage = usage.with_unused(unanswered(request, call, error, spent))
                usage = usage.with_spending(spent) if spent else usage
                outcome = self._after_error(batch, request, usage, error)
                return Judged(settled=_settled(open_line, "error", outcome, spent or NOTHING_SPENT))
            case never:
                assert_never(never)

    def _at_reduced_price(self, model: LlmModel) -> LlmModel:
        """Return the model at batch prices; the lines of a batch share it."""
        if self._reduced is None or self._reduced[0] is not model:
            self._reduced = (model, model.at_reduced_price())
        return self._reduced[1]

    def _judge_answer(
        self, batch: Batch, open_line: OpenLine, event: OverlayCompleted, answer: Answer, usage: Usage
    ) -> Judged:
        request, line, completion, spent = open_line.request, open_line.line, answer.completion, answer.spent
        usage = usage.with_spending(spent)
        refs = refs_in(completion.content)
        if completion.content and refs != {ref_of(request.overlay_id)}:
            names = "names another overlay" if refs else "names no overlay"
            error = CallFailed(f"the answer under this key {names}")
            usage = usage.with_unused(unused(request, answer, CallVerdict.WRONG_KEY, str(error)))
            outcome = self._rest.after_failure(batch, request, usage, error, counts=True)
            settled = _settled(open_line, "wrong_key", outcome, spent)
            return Judged(settled=settled, is_suspect=bool(refs))
        verdict = judge(completion, self._plan_of(request).editor, self._context_of(event))
        if isinstance(verdict, EditedPost):
            written = Written(request=request, usage=usage, event=event, edited=verdict, answer=answer)
            return Judged(settled=_settled(open_line, "stored", written, spent))
        ended = _without_post(line, request, usage, answer, verdict)
        settled = _settled(open_line, "no_post", ended, spent)
        refused_by = verdict.refused_by if isinstance(verdict, Unusable) else ()
        return Judged(settled=replace(settled, refused_by=refused_by))

    def _after_error(self, batch: Batch, request: ClaimedRequest, usage: Usage, error: LlmError) -> SentOn | Rejected:
        if isinstance(error, RequestRefused) and not _is_refused_as_a_whole(batch):
            return Rejected(
                request=request, usage=usage, attempts=request.attempts + 1, reason=error.reason, detail=str(error)
            )
        is_own = isinstance(error, CallFailed)
        is_alike = isinstance(error, RequestRefused | AccountRefused | RateLimited)
        delay_s = self._rest.alike_delay_s if is_alike else 0.0
        return self._rest.after_failure(batch, request, usage, error, counts=is_own, delay_s=delay_s)


def _settled(open_line: OpenLine, word: str, outcome: Written | SentOn | Rejected, spent: Spending) -> Settled:
    tenant_id = open_line.request.tenant_id
    return Settled(line=open_line.line, word=word, outcome=outcome, spent=spent, tenant_id=tenant_id)


def _is_refused_as_a_whole(batch: Batch) -> bool:
    lines = batch.completed_count + batch.failed_count
    return lines >= FEW_LINES and batch.failed_count > lines * MOST_REFUSED_SHARE


def _without_post(
    line: BatchLine, request: ClaimedRequest, usage: Usage, answer: Answer, verdict: CutOff | Unusable | Declined
) -> SentOn | Rejected:
    """Return how it continues: with a larger limit or a repair in the next batch, once each."""
    match verdict:
        case CutOff():
            kept, reason = CallVerdict.CUT_OFF, Reason.LLM_TRUNCATED
            detail, is_last = f"cut off at {line.used_max_tokens} tokens", line.has_larger_limit
        case Unusable(detail=detail):
            kept, reason, is_last = CallVerdict.UNUSABLE, Reason.LLM_OUTPUT_INVALID, line.is_repair
        case Declined(reason=reason, detail=detail):
            is_filtered = reason is Reason.LLM_CONTENT_FILTERED
            kept, is_last = (CallVerdict.FILTERED if is_filtered else CallVerdict.REFUSED), True
        case never:
            assert_never(never)
    usage = usage.with_unused(unused(request, answer, kept, detail))
    if is_last:
        return Rejected(request=request, usage=usage, attempts=request.attempts + 1, reason=reason, detail=detail)
    return sent_on(request, usage, goes_live=False, attempts=request.attempts, reason=reason, detail=detail)


def _call(batch: Batch, line: BatchLine, model: LlmModel) -> Call:
    return Call(
        number=line.call_number,
        called_at=batch.submitted_at or batch.intended_at,
        model=model,
        temperature=line.used_temperature,
        max_tokens=line.used_max_tokens,
        prompt=_prompt(line.body),
        prompt_version=line.prompt_version,
        delivery="batch",
    )


def _prompt(body: bytes) -> str:
    messages = from_json(body)["messages"]
    return as_text(tuple(Message(one["role"], one["content"]) for one in messages))
