"""Words that the operator wants in no post."""

import re
from collections.abc import Iterable
from typing import Final

from consumer.post.quality.source import folded, without_spaces

_LATIN: Final = re.compile(r"[a-z0-9 ]+")


class BannedWords:
    """A list of words; spaces and case make no difference, and a Latin word counts only when it is whole."""

    def __init__(self, words: Iterable[str]) -> None:
        normal = [folded(word).strip() for word in words]
        self._latin = [word for word in normal if _LATIN.fullmatch(word)]
        self._dense = [without_spaces(word) for word in normal if word and not _LATIN.fullmatch(word)]
        whole = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in self._latin)
        self._whole = re.compile(rf"(?<![a-z0-9])(?:{whole})(?![a-z0-9])")

    def words_in(self, text: str) -> list[str]:
        """Find the banned words that a folded text holds."""
        found = []
        if self._latin:
            found += [match[0] for match in self._whole.finditer(text)]
        if self._dense:
            dense = without_spaces(text)
            found += [word for word in self._dense if word in dense]
        return found
