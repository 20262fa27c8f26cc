"""Tokens and cost of a call."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from consumer.llm.chat import Messages
from consumer.llm.completion import Completion
from consumer.llm.errors import LlmError
from consumer.llm.usage import UNKNOWN, Tokens
from repository.llm_models import LlmModel
from repository.prices import TOKENS_PER_PRICE, cost_usd
from repository.spending import NOTHING_SPENT, Spending

FRAME_TOKENS: Final = 16
"""The most tokens that a provider adds to each message, for its role and delimiters."""


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The worst case of a call. `cost_usd` is None if the model has no price: unknown is not free."""

    tokens: int
    cost_usd: Decimal | None


def worst_case(messages: Messages, max_tokens: int, model: LlmModel) -> WorstCase:
    """Return the worst case of a call: a token per byte of its messages at the full price, and its token limit.

    No tokenizer produces more tokens than a text has bytes.
    """
    prompt = sum(len(message.content.encode()) + FRAME_TOKENS for message in messages)
    prompt_price, completion_price = model.prompt_token_cost_per_1m, model.completion_token_cost_per_1m
    if prompt_price is None or completion_price is None:
        return WorstCase(prompt + max_tokens, None)
    dearest = max(prompt_price, model.cache_write_prompt_token_cost_per_1m or prompt_price)
    return WorstCase(
        prompt + max_tokens, (prompt * dearest + max_tokens * completion_price) / Decimal(TOKENS_PER_PRICE)
    )


def spending(completion: Completion, model: LlmModel) -> Spending:
    """Return tokens and USD of an answered call at the model's prices; None if the provider does not report usage."""
    return _priced(
        Tokens(
            prompt=completion.prompt_tokens,
            cached_prompt=completion.cached_prompt_tokens,
            cache_write_prompt=completion.cache_write_prompt_tokens,
            completion=completion.completion_tokens,
        ),
        model,
    )


def spending_in_vain(error: LlmError, model: LlmModel) -> Spending | None:
    """Return the same for a call without a completion; None if it may have been billed at an unknown amount."""
    spent = _priced(error.received.tokens if error.received else UNKNOWN, model)
    if spent.cost_usd is not None:
        return spent
    return None if error.maybe_billed else NOTHING_SPENT


def _priced(tokens: Tokens, model: LlmModel) -> Spending:
    cached = tokens.cached_prompt
    return Spending(
        prompt_tokens=tokens.prompt,
        cached_prompt_tokens=cached if cached is None or tokens.prompt is None else min(cached, tokens.prompt),
        completion_tokens=tokens.completion,
        cost_usd=cost_usd(
            model.prices,
            prompt_tokens=tokens.prompt,
            cached_prompt_tokens=cached,
            cache_write_prompt_tokens=tokens.cache_write_prompt,
            completion_tokens=tokens.completion,
        ),
    )
