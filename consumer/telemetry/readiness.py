"""Whether the consumer can accept work, and if not, why."""

from collections.abc import Callable

Check = Callable[[], str | None]


class Readiness:
    """Combines the parts, each of which returns a reason while it cannot work, else None."""

    def __init__(self) -> None:
        self._checks: list[Check] = [lambda: "starting"]

    def begin(self, *checks: Check) -> None:
        """Set the parts to ask."""
        self._checks = list(checks)

    def not_ready_because(self) -> str | None:
        """Return the first reason, if any."""
        return next((reason for check in self._checks if (reason := check())), None)
