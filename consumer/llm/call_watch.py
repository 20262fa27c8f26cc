"""Who hears of each call of one model as it ends."""

from typing import Protocol

from consumer.llm.completion import Completion
from consumer.llm.errors import LlmError
from repository.llm_models import LlmModel


class CallWatch(Protocol):
    """Hears of calls; `model` is the row that they were made by."""

    def answered(self, completion: Completion, model: LlmModel, duration_s: float) -> None:
        """Hear of a call that brought a completion."""

    def failed(self, error: LlmError, model: LlmModel, duration_s: float) -> None:
        """Hear of a call that brought none."""

    def waited(self, wait_s: float) -> None:
        """Hear that a call waited for its turn at the rate limit."""


class Unwatched:
    """Nobody."""

    def answered(self, completion: Completion, model: LlmModel, duration_s: float) -> None:
        """Tell nobody."""

    def failed(self, error: LlmError, model: LlmModel, duration_s: float) -> None:
        """Tell nobody."""

    def waited(self, wait_s: float) -> None:
        """Tell nobody."""
