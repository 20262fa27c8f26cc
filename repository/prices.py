"""The price function: the cost of calls at a model's prices."""

from dataclasses import asdict, dataclass
from decimal import Decimal

TOKENS_PER_PRICE = 1_000_000
_FREE = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A model's prices in USD per 1,000,000 tokens, None where unknown; named as the columns of `llm_models`."""

    prompt_token_cost_per_1m: Decimal | None
    cached_prompt_token_cost_per_1m: Decimal | None
    cache_write_prompt_token_cost_per_1m: Decimal | None
    completion_token_cost_per_1m: Decimal | None

    def times(self, factor: Decimal) -> "Prices":
        """Return all prices multiplied by a factor; unknown ones stay unknown."""
        return Prices(**{name: None if price is None else price * factor for name, price in asdict(self).items()})


def cost_usd(
    prices: Prices,
    *,
    prompt_tokens: int | None,
    cached_prompt_tokens: int | None,
    cache_write_prompt_tokens: int | None,
    completion_tokens: int | None,
) -> Decimal | None:
    """Return the cost in USD; None if the number of prompt or completion tokens is unknown.

    Prompt tokens read from the provider's cache, and those written to it, have their own price if the model has one.
    An unknown price counts as zero, as NULL does in the seed's cost queries.
    """
    if prompt_tokens is None or completion_tokens is None:
        return None
    full_price = prices.prompt_token_cost_per_1m or _FREE
    cached_price, write_price = prices.cached_prompt_token_cost_per_1m, prices.cache_write_prompt_token_cost_per_1m
    cached = min(cached_prompt_tokens or 0, prompt_tokens)
    written = min(cache_write_prompt_tokens or 0, prompt_tokens - cached)
    return (
        (prompt_tokens - cached - written) * full_price
        + cached * (full_price if cached_price is None else cached_price)
        + written * (full_price if write_price is None else write_price)
        + completion_tokens * (prices.completion_token_cost_per_1m or _FREE)
    ) / TOKENS_PER_PRICE
