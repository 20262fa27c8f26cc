"""List prices from genai-prices: dated data inside the package, so nothing is asked over the network.

Its import takes a fifth of a second; only what compares prices should import this module.

Source: https://github.com/pydantic/genai-prices.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version

from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

from repository.llm_models import LlmModel

SOURCE = f"genai-prices {version('genai-prices')}"
PRICE_KEYS = {
    "prompt_token_cost_per_1m": "input_mtok",
    "cached_prompt_token_cost_per_1m": "cache_read_mtok",
    "cache_write_prompt_token_cost_per_1m": "cache_write_mtok",
    "completion_token_cost_per_1m": "output_mtok",
}
"""Columns of llm_models and what the data calls them."""


@dataclass(frozen=True, slots=True)
class ListPrice:
    """What the list says about a model on a day.

    `prices` are those of standard processing in USD per 1,000,000 tokens by column, without those that
    the list does not have. They hold for a prompt of up to `dearer_above_tokens`, if there is such a limit.
    `changes_on` is the next day from which the list has other prices.
    """

    listed_as: str
    prices: Mapping[str, Decimal]
    dearer_above_tokens: int | None
    changes_on: date | None


def list_price(model: LlmModel, *, today: date) -> ListPrice | None:
    """Return the list's entry for a model, None where it has none; a dated version goes before the bare name."""
    info = _find(model)
    if info is None:
        return None
    current = _prices_on(info, today)
    coming = sorted(day for day in _start_dates(info) if day > today)
    return ListPrice(
        info.id,
        _by_column(current),
        _lowest_tier(current),
        next((day for day in coming if _by_column(_prices_on(info, day)) != _by_column(current)), None),
    )


def differences(model: LlmModel, listed: ListPrice) -> dict[str, Decimal]:
    """Return the listed prices that the row has otherwise, or not at all."""
    return {column: price for column, price in listed.prices.items() if getattr(model, column) != price}


def _find(model: LlmModel) -> ModelInfo | None:
    provider = find_provider_by_id(get_snapshot().providers, model.provider)
    if provider is None:
        return None
    dated = f"{model.model_name}-{model.model_version}"
    # not through the snapshot: it would look for the model at other providers as well
    return (model.model_version and provider.find_model(dated)) or provider.find_model(model.model_name)


def _prices_on(info: ModelInfo, day: date) -> ModelPrice:
    return info.get_prices(datetime.combine(day, time(12), UTC))


def _by_column(prices: ModelPrice) -> dict[str, Decimal]:
    found = {column: getattr(prices, key) for column, key in PRICE_KEYS.items()}
    return {
        column: price.base if isinstance(price, TieredPrices) else price
        for column, price in found.items()
        if price is not None
    }


def _lowest_tier(prices: ModelPrice) -> int | None:
    tiered = (getattr(prices, key) for key in PRICE_KEYS.values())
    return min((price.tiers[0].start for price in tiered if isinstance(price, TieredPrices)), default=None)


def _start_dates(info: ModelInfo) -> Iterable[date]:
    for conditional in info.prices if isinstance(info.prices, list) else ():
        if isinstance(conditional.constraint, StartDateConstraint):
            yield conditional.constraint.start_date
