"""Keeping calls whose answer did not become the post, and reading kept answers again."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pydantic_core import from_json

from consumer.llm.completion import Completion
from consumer.llm.errors import LlmError
from consumer.llm.kept_answer import read_again
from consumer.llm.usage import UNKNOWN
from consumer.pipeline.outcomes import Answer, Call, Usage, Written
from repository.llm_calls import KeptAnswer, LlmCall
from repository.requests import ClaimedRequest
from repository.spending import Spending
from schemas.call_verdict import CallVerdict
from schemas.reasons import Reason

_VERDICTS = {
    Reason.LLM_RATE_LIMITED: CallVerdict.RATE_LIMITED,
    Reason.LLM_ACCOUNT_REFUSED: CallVerdict.ACCOUNT_REFUSED,
    Reason.LLM_BAD_REQUEST: CallVerdict.REQUEST_REFUSED,
    Reason.LLM_CONTENT_FILTERED: CallVerdict.FILTERED,
}


def unused(request: ClaimedRequest, answer: Answer, verdict: CallVerdict, detail: str | None = None) -> LlmCall:
    """Build the row of a call whose answer is not the stored post."""
    completion = answer.completion
    return LlmCall(
        **_about(request, answer.call),
        gpt_prompt_used=answer.call.prompt,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        cached_prompt_tokens=completion.cached_prompt_tokens,
        cost_usd=answer.spent.cost_usd,
        raw_response=completion.received,
        finish_reason=completion.finish_reason,
        latency_ms=completion.latency_ms,
        verdict=verdict,
        detail=detail,
    )


def superseded_call(outcome: Written) -> LlmCall | None:
    """Build the row of the call behind a post that came second; None if it has one already."""
    return unused(outcome.request, outcome.answer, CallVerdict.SUPERSEDED) if outcome.answer.kept is None else None


def unanswered(request: ClaimedRequest, call: Call, error: LlmError, spent: Spending | None) -> LlmCall:
    """Build the row of a call without a completion; `spent` is None if unknown."""
    received = error.received
    tokens = received.tokens if received else UNKNOWN
    return LlmCall(
        **_about(request, call),
        # the prompt is worth its space only beside an answer
        gpt_prompt_used=call.prompt if received else None,
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
        cached_prompt_tokens=tokens.cached_prompt,
        cost_usd=spent.cost_usd if spent else None,
        raw_response=received.body if received else None,
        finish_reason=None,
        latency_ms=received.latency_ms if received else None,
        verdict=verdict_of(error),
        detail=str(error),
        ended_at=datetime.now(UTC),
    )


def _about(request: ClaimedRequest, call: Call) -> dict[str, Any]:
    """Return the columns that do not depend on the result of a call."""
    return {
        "overlay_id": request.overlay_id,
        "revision": request.revision,
        "fencing_token": request.fencing_token,
        "call_number": call.number,
        "llm_model_id": call.model.llm_model_id,
        "called_at": call.called_at,
        "used_temperature": call.temperature,
        "used_max_tokens": call.max_tokens,
        "prompt_version": call.prompt_version,
        "event_digest": digest_of(request),
    }


def verdict_of(error: LlmError) -> CallVerdict:
    """Return the verdict on a call without a completion."""
    if verdict := _VERDICTS.get(error.reason):
        return verdict
    if error.received is not None and error.maybe_billed:
        return CallVerdict.UNREADABLE
    return CallVerdict.UNANSWERED if error.maybe_billed else CallVerdict.FAILED


def answer_in(kept: KeptAnswer, request: ClaimedRequest) -> Answer | None:
    """Return a kept answer as parsed by the current reader; None without one, or if the event's content differs."""
    call = kept.call
    if call.event_digest != digest_of(request):
        return None
    completion = read_again(kept.raw_response, latency_ms=call.latency_ms)
    if completion is None:
        return None
    made = Call(
        number=call.call_number,
        called_at=call.called_at,
        model=kept.model,
        temperature=call.used_temperature,
        max_tokens=call.used_max_tokens,
        prompt=call.gpt_prompt_used or "",
        prompt_version=call.prompt_version,
    )
    return Answer.to(made, completion, call)


def usage_with_kept(usage: Usage, answer: Answer) -> Usage:
    """Return the usage of a request whose post is a kept answer, whose cost may be in the sum already."""
    kept = answer.kept
    if kept is None or (kept.cost_usd is not None and kept.verdict is not CallVerdict.SUPERSEDED):
        return usage
    return usage.with_spending(answer.spent)


def is_same_answer(kept: KeptAnswer, completion: Completion) -> bool:
    """Return whether a completion that was looked up is the kept one: by its id, if it has one."""
    before = read_again(kept.raw_response, latency_ms=None)
    if before is None:
        return False
    one, other = from_json(before.raw).get("id"), from_json(completion.raw).get("id")
    return one == other if one and other else before.content == completion.content


def digest_of(request: ClaimedRequest) -> bytes:
    """Return a digest of an event's content."""
    return sha256(request.source.value or b"").digest()
