"""How a batch at a provider stands with us: `llm_batches.state`; what the provider calls it is another word."""

from enum import StrEnum


class BatchState(StrEnum):
    """All states, in the order in which a batch that goes well has them."""

    INTENDED = "intended"
    """Its lines are chosen and frozen; nothing has been sent."""

    UPLOADED = "uploaded"
    """Its file is at the provider. Its creation may have been asked for, and not been answered."""

    CREATED = "created"
    """The provider has it."""

    ENDED = "ended"
    """The provider is through with it; its results are being collected."""

    COLLECTED = "collected"
    """Each of its requests has its result, or goes on without one. For good."""

    ABANDONED = "abandoned"
    """The provider would not take it; its requests go on in another. For good."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self in {BatchState.COLLECTED, BatchState.ABANDONED}
