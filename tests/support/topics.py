"""The names of topics made for one test."""

from typing import NamedTuple
from uuid import uuid4


class Topics(NamedTuple):
    """The names of the application's five topics."""

    incoming: str
    created: str
    failed: str
    dead_letter: str
    outcome: str

    def environment(self) -> dict[str, str]:
        """The settings that name these topics."""
        return {
            "OVERLAY_COMPLETED_TOPIC": self.incoming,
            "FEED_CREATED_TOPIC": self.created,
            "FEED_FAILED_TOPIC": self.failed,
            "DEAD_LETTER_TOPIC": self.dead_letter,
            "FEED_OUTCOME_TOPIC": self.outcome,
        }


def unique_topics() -> Topics:
    """Five names that no other test uses."""
    run = uuid4().hex[:12]
    return Topics(*(f"{role}.{run}" for role in Topics._fields))
