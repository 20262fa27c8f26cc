"""Tokens and cost of LLM calls."""

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, TypeVar

Figure = TypeVar("Figure", int, Decimal)


@dataclass(frozen=True, slots=True)
class Spending:
    """Tokens and USD of any number of LLM calls.

    A figure is None if unknown, because the provider did not report the usage of one of the calls.
    """

    prompt_tokens: int | None = 0
    cached_prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    cost_usd: Decimal | None = Decimal(0)

    @property
    def total_tokens(self) -> int | None:
        """Prompt and completion tokens together."""
        return _sum(self.prompt_tokens, self.completion_tokens)

    def __add__(self, other: "Spending") -> "Spending":
        return Spending(
            _sum(self.prompt_tokens, other.prompt_tokens),
            _sum(self.cached_prompt_tokens, other.cached_prompt_tokens),
            _sum(self.completion_tokens, other.completion_tokens),
            _sum(self.cost_usd, other.cost_usd),
        )


def _sum(one: Figure | None, other: Figure | None) -> Figure | None:
    return None if one is None or other is None else one + other


NOTHING_SPENT = Spending()
MOST_TOKENS = 10**15
MOST_USD = Decimal(10**12)


def spending_of(row: Any) -> Spending:  # noqa: ANN401 - a record of these columns
    """Read what a row says was spent; a figure that no call can have cost, by a change by hand, is unknown."""
    return Spending(
        _figure(row["prompt_tokens"], MOST_TOKENS),
        _figure(row["cached_prompt_tokens"], MOST_TOKENS),
        _figure(row["completion_tokens"], MOST_TOKENS),
        _figure(row["cost_usd"], MOST_USD),
    )


def _figure(value: Figure | None, most: Figure) -> Figure | None:
    # NaN is in no range, and may not even be compared by order
    return value if value is not None and value == value and 0 <= value <= most else None  # noqa: PLR0124


def set_spending(source: str, *, prefix: str = "") -> str:
    """Return the part of an UPDATE's SET that copies all figures from `source`'s columns with this `prefix`."""
    return ", ".join(f"{field.name} = {source}.{prefix}{field.name}" for field in fields(Spending))
