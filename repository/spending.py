"""What LLM calls took."""

from dataclasses import dataclass, fields
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Spending:
    """What LLM calls cost: tokens and USD, summed over any number of calls."""

    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Spending") -> "Spending":
        return Spending(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_prompt_tokens + other.cached_prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost_usd + other.cost_usd,
        )


NOTHING_SPENT = Spending()


def set_spending(source: str, *, prefix: str = "") -> str:
    """The part of an UPDATE's SET that takes all figures from columns of `source`, whose names begin with `prefix`."""
    return ", ".join(f"{field.name} = {source}.{prefix}{field.name}" for field in fields(Spending))
