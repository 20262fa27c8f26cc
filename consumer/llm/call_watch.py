"""The port for observing the calls of one model."""

from typing import Protocol

from consumer.llm.completion import Completion
from consumer.llm.errors import LlmError
from repository.spending import Spending


class CallWatch(Protocol):
    """Observes calls: how each ended, and what it used."""

    def answered(self, completion: Completion, duration_s: float) -> None:
        """Observe a call that was answered."""

    def failed(self, error: LlmError, duration_s: float) -> None:
        """Observe a call that failed."""

    def took(self, spent: Spending | None, delivery: str = "live") -> None:
        """Observe the spending of a call; None if it may have been billed at an unknown amount.

        `delivery` is the tier that served it and set the price: live or flex.
        """

    def waited(self, wait_s: float) -> None:
        """Observe the wait of a call for the rate limit."""


class Unwatched:
    """Observes nothing."""

    def answered(self, completion: Completion, duration_s: float) -> None:
        """Do nothing."""

    def failed(self, error: LlmError, duration_s: float) -> None:
        """Do nothing."""

    def took(self, spent: Spending | None, delivery: str = "live") -> None:
        """Do nothing."""

    def waited(self, wait_s: float) -> None:
        """Do nothing."""
