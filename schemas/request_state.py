"""How a request stands in the ledger: `feed_requests.state`, and what listings and reports show."""

from enum import StrEnum


class RequestState(StrEnum):
    """All states; the table's check constraint knows the same."""

    CLAIMED = "claimed"
    """A process holds its lease."""

    WAITING = "waiting"
    """Any process may take it once it is due."""

    DONE = "done"
    """Its post is stored. For good."""

    FAILED = "failed"
    """It has ended without a post, until an operator or other content of the same overlay opens it again."""

    HELD = "held"
    """Its tenant's budget is spent: it waits for the next period, or for more."""

    BATCHED = "batched"
    """It waits for a batch to be sent, or for a batch's result."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in {RequestState.DONE, RequestState.FAILED}
