"""Bounded label values: the first ones seen get series of their own, all others share one."""

from typing import Final

OTHER: Final = "(other)"


class Bounded:
    """Remembers the first `most` values, each a tuple of labels; a series stays once it exists."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[tuple[str, ...]] = set()

    def __call__(self, *labels: str) -> tuple[str, ...]:
        """Return the labels, or the same number of `(other)`."""
        if labels in self._known:
            return labels
        if len(self._known) < self._most:
            self._known.add(labels)
            return labels
        return (OTHER,) * len(labels)
