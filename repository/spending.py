"""Tokens and cost of LLM calls."""

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TypeVar

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


def set_spending(source: str, *, prefix: str = "") -> str:
    """Return the part of an UPDATE's SET that copies all figures from `source`'s columns with this `prefix`."""
    return ", ".join(f"{field.name} = {source}.{prefix}{field.name}" for field in fields(Spending))
