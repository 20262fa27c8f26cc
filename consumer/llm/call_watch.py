"""Who hears of each call of one model as it ends."""

from typing import Protocol

from consumer.llm.completion import Completion
from consumer.llm.errors import LlmError
from repository.spending import Spending


class CallWatch(Protocol):
    """Hears of calls: how each ended, and what it took as soon as that is reckoned."""

    def answered(self, completion: Completion, duration_s: float) -> None:
        """Hear of a call that brought a completion."""

    def failed(self, error: LlmError, duration_s: float) -> None:
        """Hear of a call that brought none."""

    def took(self, spent: Spending | None, delivery: str = "live") -> None:
        """Hear what a call took at the price of the tier that served it; None: it may be billed, and nobody told.

        `delivery` is that tier: live or flex.
        """

    def waited(self, wait_s: float) -> None:
        """Hear that a call waited for its turn at the rate limit."""


class Unwatched:
    """Nobody."""

    def answered(self, completion: Completion, duration_s: float) -> None:
        """Tell nobody."""

    def failed(self, error: LlmError, duration_s: float) -> None:
        """Tell nobody."""

    def took(self, spent: Spending | None, delivery: str = "live") -> None:
        """Tell nobody."""

    def waited(self, wait_s: float) -> None:
        """Tell nobody."""
