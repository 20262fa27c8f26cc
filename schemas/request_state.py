"""The state of a request in the ledger: `feed_requests.state`."""

from enum import StrEnum


class RequestState(StrEnum):
    """All states, as in the table's check constraint."""

    CLAIMED = "claimed"
    """A process holds its lease."""

    WAITING = "waiting"
    """Any process may claim it once it is due."""

    DONE = "done"
    """Its post is stored. Final."""

    FAILED = "failed"
    """It has failed, unless an operator or changed content of the same overlay reopens it."""

    HELD = "held"
    """Its budget is spent: it waits for the next period, or a raise."""

    BATCHED = "batched"
    """It waits for a batch to be sent, or for a batch's result."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in {RequestState.DONE, RequestState.FAILED}
