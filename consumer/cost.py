"""What a call costs."""

from decimal import Decimal

from consumer.llm.completion import Completion
from repository.llm_models import LlmModel
from repository.requests import Spending

_TOKENS_PER_PRICE = 1_000_000


def spending(completion: Completion, model: LlmModel) -> Spending:
    """Tokens and USD of one call at the model's prices; cached prompt tokens at their own price if it has one.

    A price that is unknown counts as zero, as the seed's cost queries do with NULL.
    """
    full_price = model.prompt_token_cost_per_1m or Decimal(0)
    cached_price = model.cached_prompt_token_cost_per_1m
    cached = min(completion.cached_prompt_tokens, completion.prompt_tokens)
    cost_usd = (
        (completion.prompt_tokens - cached) * full_price
        + cached * (full_price if cached_price is None else cached_price)
        + completion.completion_tokens * (model.completion_token_cost_per_1m or Decimal(0))
    ) / _TOKENS_PER_PRICE
    return Spending(completion.prompt_tokens, cached, completion.completion_tokens, cost_usd)
