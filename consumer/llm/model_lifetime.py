"""How long a model can still be used."""

from datetime import date
from typing import NamedTuple

WARN_DAYS = 60


class ShutdownNotice(NamedTuple):
    """A model's shutdown by its provider; `days_left` is negative once it is over."""

    shutdown_date: date
    days_left: int

    @property
    def is_over(self) -> bool:
        """Whether the day has passed."""
        return self.days_left < 0

    def __str__(self) -> str:
        if self.is_over:
            return f"was shut down on {self.shutdown_date}"
        return f"is shut down on {self.shutdown_date}, in {self.days_left} days"


def shutdown_notice(shutdown_date: date | None, *, today: date) -> ShutdownNotice | None:
    """Return a notice about a model's shutdown; None if there is none or it is more than 60 days ahead."""
    if shutdown_date is None:
        return None
    days_left = (shutdown_date - today).days
    return ShutdownNotice(shutdown_date, days_left) if days_left <= WARN_DAYS else None
