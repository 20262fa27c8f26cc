"""Our state of a batch, `llm_batches.state`, as opposed to the provider's status."""

from enum import StrEnum


class BatchState(StrEnum):
    """All states, in the order of a successful batch."""

    INTENDED = "intended"
    """Its lines are selected and frozen; nothing has been sent."""

    UPLOADED = "uploaded"
    """Its file is at the provider. Its creation may have been requested without a response."""

    CREATED = "created"
    """It exists at the provider."""

    ENDED = "ended"
    """The provider is done with it; its results are being collected."""

    COLLECTED = "collected"
    """Each of its requests has a result or continues without one. Final."""

    ABANDONED = "abandoned"
    """The provider did not accept it; its requests continue in another. Final."""

    @property
    def has_ended(self) -> bool:
        """Whether the state is final."""
        return self in {BatchState.COLLECTED, BatchState.ABANDONED}
