"""The one price function: what calls cost at a model's prices, whoever asks."""

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
        """Return all prices times a factor; what is unknown stays so."""
        return Prices(**{name: None if price is None else price * factor for name, price in asdict(self).items()})


def cost_usd(
    prices: Prices,
    *,
    prompt_tokens: int | None,
    cached_prompt_tokens: int | None,
    cache_write_prompt_tokens: int | None,
    completion_tokens: int | None,
) -> Decimal | None:
    """Return USD for so many tokens; None if it is not known how many prompt or completion tokens there were.

    Prompt tokens read from the provider's cache, and those written to it, have their own price if the model has one.
    A price that is unknown counts as zero, as the seed's cost queries do with NULL.
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
