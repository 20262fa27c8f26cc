"""The LLM calls of one handling as spans: names, times and attributes. Pure."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from pydantic_core import from_json

from consumer.pipeline.outcomes import Answer, Outcome, Written
from consumer.telemetry import span_attributes as names
from repository.llm_calls import LlmCall
from repository.llm_models import LlmModel
from schemas.call_verdict import CallVerdict

Attributes = dict[str, str | int | float | Sequence[str]]

ModelOf = Callable[[UUID], LlmModel | None]
"""Finds a model by id; None if this process no longer calls it."""

_PROVIDERS: Final = {"google": "gcp.gemini"}
"""Provider names of the conventions where they differ from ours."""

_WITHOUT_ANSWER: Final = frozenset(
    {
        CallVerdict.UNREADABLE,
        CallVerdict.UNANSWERED,
        CallVerdict.FAILED,
        CallVerdict.RATE_LIMITED,
        CallVerdict.ACCOUNT_REFUSED,
        CallVerdict.REQUEST_REFUSED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpan:
    """One LLM call; `ended_at` is None if it was not measured, `error` if it was answered."""

    name: str
    began_at: datetime
    ended_at: datetime | None
    attributes: Attributes
    error: str | None = None


def call_spans(outcome: Outcome, model_of: ModelOf, *, with_texts: bool) -> Iterator[CallSpan]:
    """Yield the calls that this handling made, in order; a kept answer of an earlier one is not among them."""
    for call in outcome.usage.unused:
        yield _unused_call(call, model_of(call.llm_model_id), with_texts=with_texts)
    if isinstance(outcome, Written) and outcome.answer.kept is None:
        yield _call_of_the_post(outcome.answer, with_texts=with_texts)


def _call_of_the_post(answer: Answer, *, with_texts: bool) -> CallSpan:
    call, completion = answer.call, answer.completion
    raw = from_json(completion.raw)
    attributes = {
        **_of_model(call.model),
        names.GEN_AI_REQUEST_TEMPERATURE: call.temperature,
        names.GEN_AI_REQUEST_MAX_TOKENS: call.max_tokens,
        names.GEN_AI_RESPONSE_ID: raw.get("id"),
        names.GEN_AI_RESPONSE_MODEL: raw.get("model"),
        names.GEN_AI_RESPONSE_FINISH_REASONS: [completion.finish_reason],
        names.GEN_AI_USAGE_INPUT_TOKENS: completion.prompt_tokens,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: completion.completion_tokens,
        names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: completion.cached_prompt_tokens,
        names.FEED_COST_USD: _number(answer.spent.cost_usd),
        names.FEED_VERDICT: "stored",
        names.FEED_CALL_NUMBER: call.number,
        names.FEED_PROMPT_VERSION: call.prompt_version,
    }
    if with_texts:
        attributes |= {
            names.GEN_AI_INPUT_MESSAGES: _message("user", call.prompt),
            names.GEN_AI_OUTPUT_MESSAGES: _message("assistant", completion.content),
        }
    return CallSpan(
        name=_name(call.model),
        began_at=call.called_at,
        ended_at=_after(call.called_at, completion.latency_ms),
        attributes=_known(attributes),
    )


def _unused_call(call: LlmCall, model: LlmModel | None, *, with_texts: bool) -> CallSpan:
    attributes = {
        **_of_model(model),
        names.GEN_AI_REQUEST_TEMPERATURE: call.used_temperature,
        names.GEN_AI_REQUEST_MAX_TOKENS: call.used_max_tokens,
        names.GEN_AI_RESPONSE_FINISH_REASONS: [call.finish_reason] if call.finish_reason else None,
        names.GEN_AI_USAGE_INPUT_TOKENS: call.prompt_tokens,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: call.completion_tokens,
        names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: call.cached_prompt_tokens,
        names.FEED_COST_USD: _number(call.cost_usd),
        names.FEED_VERDICT: call.verdict.value,
        names.FEED_CALL_NUMBER: call.call_number,
        names.FEED_PROMPT_VERSION: call.prompt_version,
    }
    if with_texts and call.gpt_prompt_used:
        attributes[names.GEN_AI_INPUT_MESSAGES] = _message("user", call.gpt_prompt_used)
    return CallSpan(
        name=_name(model),
        began_at=call.called_at,
        ended_at=call.ended_at or _after(call.called_at, call.latency_ms),
        attributes=_known(attributes),
        error=call.verdict.value if call.verdict in _WITHOUT_ANSWER else None,
    )


def _name(model: LlmModel | None) -> str:
    return f"chat {model.model_name}" if model else "chat"


def _of_model(model: LlmModel | None) -> dict[str, object]:
    if model is None:
        return {names.GEN_AI_OPERATION_NAME: "chat"}
    return {
        names.GEN_AI_OPERATION_NAME: "chat",
        names.GEN_AI_PROVIDER_NAME: _PROVIDERS.get(model.provider, model.provider),
        names.GEN_AI_REQUEST_MODEL: model.model_name,
    }


def _message(role: str, text: str) -> str:
    """Encode a message as the conventions prescribe for attributes."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}], ensure_ascii=False)


def _after(began_at: datetime, latency_ms: float | None) -> datetime | None:
    return None if latency_ms is None else began_at + timedelta(milliseconds=latency_ms)


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _known(attributes: Mapping[str, object]) -> Attributes:
    """Leave out unknown values; a span has no null."""
    return {name: value for name, value in attributes.items() if isinstance(value, (str, int, float, list))}
