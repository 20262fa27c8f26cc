"""A caption that repeats a field of the event instead of making a post of it.

The store's information is there to be repeated; copy, description and wishes are not.
"""

import re
from itertools import pairwise
from typing import Final

from consumer.post.quality.source import Source, folded

_WORD: Final = re.compile(r"[^\W_]+")
_FEWEST_WORDS: Final = 8
_PROBES: Final = 12
_FEWEST_KNOWN_PROBES: Final = 3
_KNOWN_SHARE: Final = 0.4  # the store's lines make up the rest
_QUOTED_WORDS: Final = 8
_TOO_MUCH: Final = 0.7
_PAIRS_TOO_MUCH: Final = 0.5


def echoes_in(caption: str, source: Source) -> list[str]:
    """Find a field in which most of the caption's own words stand, mostly in the same order."""
    words = caption.split()
    probes = words[:: len(words) // _PROBES + 1]
    if sum(probe in source.written_text for probe in probes) < max(_FEWEST_KNOWN_PROBES, _KNOWN_SHARE * len(probes)):
        return []
    stores = frozenset(source.store_text.split())
    own = [word for word in words if word not in stores]
    if len(own) < _FEWEST_WORDS:
        return []
    return [" ".join(own[:_QUOTED_WORDS]) for field in source.written if _repeats(own, field)][:1]


def _repeats(words: list[str], field: str) -> bool:
    own = [word for text in words for word in _WORD.findall(text)]
    theirs = _WORD.findall(folded(field))
    known = frozenset(theirs)
    if sum(word in known for word in own) < _TOO_MUCH * len(own):
        return False
    pairs = frozenset(pairwise(theirs))
    return sum(pair in pairs for pair in pairwise(own)) >= _PAIRS_TOO_MUCH * (len(own) - 1)
