"""A caption that repeats a field of the event instead of making a post of it.

The store's information is there to be repeated; copy, description and wishes are not.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import Final

from consumer.post.quality.source import Source

_WORD: Final = re.compile(r"[^\W_]+")
_FEWEST_WORDS: Final = 8
_PROBES: Final = 12
_FEWEST_KNOWN_PROBES: Final = 3
_KNOWN_SHARE: Final = 0.4  # the store's lines make up the rest
_QUOTED_WORDS: Final = 8
_TOO_MUCH: Final = 0.7
_PAIRS_TOO_MUCH: Final = 0.5


def echoes_in(words: Sequence[str], source: Source) -> list[str]:
    """Find a field in which most of a caption's own words stand, mostly in the same order."""
    if not _may_repeat(words, source.written_text):
        return []
    own = [word for word in words if word not in source.store_words]
    if len(own) < _FEWEST_WORDS:
        return []
    own_parts = [part for word in own for part in _WORD.findall(word)]
    if not _may_hold_most(own_parts, source.written_text):
        return []
    return [" ".join(own[:_QUOTED_WORDS]) for field in source.written if _repeats(own_parts, field)][:1]


def _may_repeat(words: Sequence[str], fields: str) -> bool:
    """Look for some of the words only, and no longer than until too many are not there."""
    probes = words[:: len(words) // _PROBES + 1]
    unknown_allowed = len(probes) - max(_FEWEST_KNOWN_PROBES, ceil(_KNOWN_SHARE * len(probes)))
    for probe in probes:
        if probe not in fields:
            unknown_allowed -= 1
            if unknown_allowed < 0:
                return False
    return unknown_allowed >= 0


def _may_hold_most(parts: Sequence[str], fields: str) -> bool:
    """Look for whole words' letters, which takes no reading of the fields' own words."""
    return sum(part in fields for part in parts) >= _TOO_MUCH * len(parts)


def _repeats(own: Sequence[str], field: str) -> bool:
    theirs = _WORD.findall(field)
    known = frozenset(theirs)
    if sum(word in known for word in own) < _TOO_MUCH * len(own):
        return False
    pairs = frozenset(pairwise(theirs))
    return sum(pair in pairs for pair in pairwise(own)) >= _PAIRS_TOO_MUCH * (len(own) - 1)
