"""A quick look for the few words without which a rule finds nothing: most posts hold none of them.

All words of all rules are looked for in one pass (Aho-Corasick), in two microseconds for a caption.
"""

import re
from collections.abc import Iterable
from typing import Final

from ahocorasick_rs import AhoCorasick, MatchKind

SPACES: Final = (" ", "\n", "\u1680")
"""The white space that a clean caption may still have when it is folded: what a pattern's `\\s` may stand for."""

OTHER_DIGITS: Final = frozenset(filter(str.isdecimal, map(chr, range(0x80, 0x20000))))
"""Digits of other scripts, for which a pattern's `\\d` may stand as well."""


class SignFinder:
    """Finds which of many words stand in a text, letter by letter."""

    def __init__(self, signs: Iterable[str]) -> None:
        self._automaton = AhoCorasick(sorted(set(signs)), matchkind=MatchKind.Standard, store_patterns=True)
        self._last: tuple[str, frozenset[str]] = ("", frozenset())

    def found_in(self, text: str) -> frozenset[str]:
        """Return the signs that stand in the text; of the same text again they are known."""
        last, signs = self._last
        if text != last:
            signs = self._looked_for_in(text)
            self._last = (text, signs)
        return signs

    def _looked_for_in(self, text: str) -> frozenset[str]:
        try:
            return frozenset(self._automaton.find_matches_as_strings(text, overlapping=True))
        except UnicodeEncodeError:  # half of a surrogate pair, of which a model's answer may have one
            return self._looked_for_in(text.encode(errors="replace").decode())


def one_of(*words: str) -> re.Pattern[str]:
    """Return a pattern to `search` for any of a few words; five times as fast as `in` for each of them."""
    return re.compile("|".join(map(re.escape, words)))
