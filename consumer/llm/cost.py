"""What a call costs."""

from decimal import Decimal

from consumer.llm.completion import Completion
from repository.llm_models import LlmModel
from repository.spending import Spending

_TOKENS_PER_PRICE = 1_000_000


def spending(completion: Completion, model: LlmModel) -> Spending:
    """Tokens and USD of one call at the model's prices.

    Prompt tokens read from the provider's cache, and those written to it, have their own price if the model has one.
    A price that is unknown counts as zero, as the seed's cost queries do with NULL; so does a count that is unknown.
    """
    prompt, completed = completion.prompt_tokens or 0, completion.completion_tokens or 0
    full_price = model.prompt_token_cost_per_1m or Decimal(0)
    cached_price, write_price = model.cached_prompt_token_cost_per_1m, model.cache_write_prompt_token_cost_per_1m
    cached = min(completion.cached_prompt_tokens or 0, prompt)
    written = min(completion.cache_write_prompt_tokens or 0, prompt - cached)
    cost_usd = (
        (prompt - cached - written) * full_price
        + cached * (full_price if cached_price is None else cached_price)
        + written * (full_price if write_price is None else write_price)
        + completed * (model.completion_token_cost_per_1m or Decimal(0))
    ) / _TOKENS_PER_PRICE
    return Spending(prompt, cached, completed, cost_usd)
