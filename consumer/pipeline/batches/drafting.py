"""The body of a batch line: the messages of a live call, and the ref that binds the answer to its overlay. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from consumer.llm.chat import Messages, as_text
from consumer.llm.cost import WorstCase, worst_case
from consumer.llm.usage import ANSWER_TOKENS, CHARACTERS_PER_TOKEN
from consumer.llm.writer import Writer
from consumer.pipeline.conversation import LARGER_LIMIT_FACTOR
from consumer.pipeline.judgement import Unusable, judge
from consumer.pipeline.unused_calls import answer_in
from consumer.pipeline.writing_plans import WritingPlan
from consumer.post.editor import EditedPost
from consumer.post.prompt import with_ref, with_repair
from consumer.post.quality.gate import Context
from consumer.post.ref import ref_of
from repository.batch_lines import BatchLine
from repository.llm_calls import KeptAnswer
from repository.requests import ClaimedRequest
from schemas.call_verdict import CallVerdict
from schemas.overlay_completed import OverlayCompleted
from schemas.post import post_schema_with_ref

RESPONSE_FORMAT = post_schema_with_ref()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A line before it is placed in a batch. `tokens` are estimated."""

    request: ClaimedRequest
    writer: Writer
    body: bytes
    tokens: int
    prompt_version: str
    max_tokens: int
    is_repair: bool
    has_larger_limit: bool
    messages: Messages

    @property
    def worst(self) -> WorstCase:
        """Its worst case, at the price of a batch."""
        return worst_case(self.messages, self.max_tokens, self.writer.model.at_reduced_price())

    def line(self, batch_id: UUID, number: int) -> BatchLine:
        """Return the frozen line."""
        return BatchLine(
            batch_id=batch_id,
            line_number=number,
            overlay_id=self.request.overlay_id,
            revision=self.request.revision,
            call_number=self.request.llm_calls + 1,
            fencing_token=self.request.fencing_token + 1,
            prompt_version=self.prompt_version,
            used_temperature=self.writer.temperature,
            used_max_tokens=self.max_tokens,
            is_repair=self.is_repair,
            has_larger_limit=self.has_larger_limit,
            body=self.body,
        )


def draft(
    request: ClaimedRequest, event: OverlayCompleted, plan: WritingPlan, kept: Sequence[KeptAnswer], context: Context
) -> Draft:
    """Return the draft for a request; `kept` are the answers of earlier calls, newest first.

    A bad answer is quoted for repair, and after a truncated one the token limit is larger.
    """
    writer = plan.failover.preferred
    messages = with_ref(plan.template.messages(event), ref_of(request.overlay_id))
    repair = _repaired(messages, request, plan, kept, context)
    was_cut_off = any(one.call.verdict is CallVerdict.CUT_OFF for one in kept)
    max_tokens = writer.max_tokens * (LARGER_LIMIT_FACTOR if was_cut_off else 1)
    asked = repair or messages
    return Draft(
        request=request,
        writer=writer,
        body=writer.batch_body(asked, max_tokens=max_tokens, response_format=RESPONSE_FORMAT),
        tokens=len(as_text(asked)) // CHARACTERS_PER_TOKEN + ANSWER_TOKENS,
        prompt_version=plan.template.version,
        max_tokens=max_tokens,
        is_repair=repair is not None,
        has_larger_limit=was_cut_off,
        messages=asked,
    )


def is_answered(request: ClaimedRequest, plan: WritingPlan, kept: Sequence[KeptAnswer], context: Context) -> bool:
    """Return whether a kept answer is a post by the current rules: then a live worker stores it, without payment."""
    answers = (answer_in(one, request) for one in kept)
    return any(isinstance(judge(one.completion, plan.editor, context), EditedPost) for one in answers if one)


def _repaired(
    messages: Messages, request: ClaimedRequest, plan: WritingPlan, kept: Sequence[KeptAnswer], context: Context
) -> Messages | None:
    for one in kept:
        answer = answer_in(one, request) if one.call.verdict is CallVerdict.UNUSABLE else None
        verdict = judge(answer.completion, plan.editor, context) if answer else None
        if answer and isinstance(verdict, Unusable):
            return with_repair(messages, answer.completion.content, verdict.problems)
    return None
