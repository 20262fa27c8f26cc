"""A caption that repeats a field of the event instead of making a post of it.

The store's information is there to be repeated; copy, description and wishes are not.
"""

import re
from itertools import pairwise
from typing import Final

from consumer.post.quality.source import Source, folded

_WORD: Final = re.compile(r"[^\W_]+")
_FEWEST_WORDS: Final = 8
_PROBES: Final = 6
_FEWEST_KNOWN_PROBES: Final = 2
_TOO_MUCH: Final = 0.7
_PAIRS_TOO_MUCH: Final = 0.5


def echoes_in(caption: str, source: Source) -> list[str]:
    """Find out whether most of the caption's own words stand in one field, mostly in the same order."""
    words = [word for word in caption.split() if word not in source.store_words]
    if len(words) < _FEWEST_WORDS:
        return []
    probes = words[:: max(1, len(words) // _PROBES)]
    return [
        " ".join(words[:8])
        for field in source.written
        if sum(probe in field for probe in probes) >= _FEWEST_KNOWN_PROBES and _repeats(words, field)
    ][:1]


def _repeats(words: list[str], field: str) -> bool:
    own = [word for text in words for word in _WORD.findall(folded(text))]
    theirs = _WORD.findall(folded(field))
    known = frozenset(theirs)
    if sum(word in known for word in own) < _TOO_MUCH * len(own):
        return False
    pairs = frozenset(pairwise(theirs))
    return sum(pair in pairs for pair in pairwise(own)) >= _PAIRS_TOO_MUCH * (len(own) - 1)
