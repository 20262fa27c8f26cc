"""How long a loop waits after a failed round. Pure."""

from dataclasses import dataclass

FIRST_S = 0.2
LONGEST_S = 5.0


@dataclass(slots=True)
class Backoff:
    """Doubles with each consecutive failure; create a new one after a success."""

    next_s: float = FIRST_S

    def after_failure_s(self) -> float:
        """Return how long to wait after this failure."""
        pause_s, self.next_s = self.next_s, min(LONGEST_S, self.next_s * 2)
        return pause_s
