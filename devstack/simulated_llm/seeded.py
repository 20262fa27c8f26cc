"""Draws that depend on a seed and a text alone, never on the order in which calls arrive."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

_BITS = 52  # (2**52 - 0.5) is still a float of its own, so a quantile never rounds up to 1


def _digest(size: int, seed: int, parts: tuple[str, ...]) -> int:
    text = "\x1f".join((str(seed), *parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest(), "big")


def quantile(seed: int, *parts: str) -> float:
    """Return a uniform draw from the open interval (0, 1)."""
    return ((_digest(8, seed, parts) >> (64 - _BITS)) + 0.5) / (1 << _BITS)


class Picker:
    """A series of picks; ``random.Random`` would take longer to seed than all of them together."""

    def __init__(self, seed: int, *parts: str) -> None:
        self._entropy = _digest(32, seed, parts)

    def below(self, bound: int) -> int:
        """Return a whole number from 0 up to, not including, ``bound``."""
        self._entropy, drawn = divmod(self._entropy, bound)
        return drawn

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self.below(len(options))]
