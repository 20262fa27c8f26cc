"""Label values that others choose: the first so many have figures of their own, all later ones share them."""

from typing import Final

OTHER: Final = "(other)"


class Bounded:
    """Remembers the first `most` values, each a tuple of labels; a series once begun is there for good."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[tuple[str, ...]] = set()

    def __call__(self, *labels: str) -> tuple[str, ...]:
        """Return the labels themselves, or as many times `(other)`."""
        if labels in self._known:
            return labels
        if len(self._known) < self._most:
            self._known.add(labels)
            return labels
        return (OTHER,) * len(labels)
