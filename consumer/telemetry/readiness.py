"""Whether the consumer is able to take in work, and if not, why."""

from collections.abc import Callable

Check = Callable[[], str | None]


class Readiness:
    """Asks the parts; each gives a reason while it cannot work, else None."""

    def __init__(self) -> None:
        self._checks: list[Check] = [lambda: "starting"]

    def begin(self, *checks: Check) -> None:
        """Decide by these parts from now on."""
        self._checks = list(checks)

    def not_ready_because(self) -> str | None:
        """Return the first reason there is."""
        return next((reason for check in self._checks if (reason := check())), None)
