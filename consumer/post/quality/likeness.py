"""How alike two posts are: by their words, by their first lines, by their hashtags.

Words and not trigrams for the text: Korean posts of one shop share endings and particles, hardly
whole words. The store's own words (address, hours) do not count. A set of words is kept as a
bitmap, one bit for each: comparing fifty costs microseconds, and a tenant's fifty posts take 10 kB.
"""

from collections import deque
from collections.abc import Iterable
from math import ceil
from typing import Final, NamedTuple
from uuid import UUID
from zlib import crc32

RECENT_POSTS: Final = 50
"""A post is compared with so many of its tenant's last ones."""

_TEXT_BITS: Final = 512  # two texts of thirty words share one or two bits by chance
_SHORT_BITS: Final = 128
_BIT: Final = tuple(1 << bit for bit in range(_TEXT_BITS))
_FEWEST_WORDS: Final = 5
_ALIKE_TEXTS: Final = 0.5
_ALIKE_OPENINGS: Final = 0.6
_ALIKE_HASHTAGS: Final = 0.8
_FEWEST_HASHTAGS: Final = 3
_FEWEST_OPENING_WORDS: Final = 2
_NO_OPENING: Final = ("#", "＃", "[광고", "(광고", "<광고")


class Fingerprint(NamedTuple):
    """What of a post is compared with others, each part a bitmap; 0 where there is too little to compare."""

    text: int
    opening: int
    hashtags: int


def fingerprint(caption: str, hashtags: str, store: str) -> Fingerprint:
    """Take what is compared of folded texts: words that are not the store's, the first line's, hashtags.

    Words are compared as UTF-8, so that a text is encoded once and not word by word.
    """
    words = set(caption.encode().split())
    words.difference_update(store.encode().split())
    opening = _first_line(caption).encode().split()
    tags = hashtags.encode().split()
    return Fingerprint(
        text=_bitmap(words, _TEXT_BITS) if len(words) >= _FEWEST_WORDS else 0,
        opening=_bitmap(opening, _SHORT_BITS) if len(opening) >= _FEWEST_OPENING_WORDS else 0,
        hashtags=_bitmap(tags, _SHORT_BITS) if len(tags) >= _FEWEST_HASHTAGS else 0,
    )


class RecentPosts:
    """The last posts of one tenant."""

    def __init__(self) -> None:
        self._overlay_ids: deque[int | None] = deque(maxlen=RECENT_POSTS)
        self._texts: deque[int] = deque(maxlen=RECENT_POSTS)
        self._openings: deque[int] = deque(maxlen=RECENT_POSTS)
        self._hashtags: deque[int] = deque(maxlen=RECENT_POSTS)

    def add(self, one: Fingerprint, overlay_id: UUID | None = None) -> None:
        """Count a post among the last ones, in place of the oldest."""
        self._overlay_ids.append(None if overlay_id is None else overlay_id.int)
        self._texts.append(one.text)
        self._openings.append(one.opening)
        self._hashtags.append(one.hashtags)

    def likenesses(self, one: Fingerprint, overlay_id: UUID | None = None) -> list[str]:
        """Return in what the post is too much like one of the others; those for the same overlay may be."""
        return [
            f"{what}: {share:.0%} alike"
            for what, bitmap, others, too_much in (
                ("text", one.text, self._texts, _ALIKE_TEXTS),
                ("first line", one.opening, self._openings, _ALIKE_OPENINGS),
                ("hashtags", one.hashtags, self._hashtags, _ALIKE_HASHTAGS),
            )
            if bitmap and (share := self._too_much(bitmap, others, too_much, overlay_id))
        ]

    def _too_much(self, one: int, others: Iterable[int], too_much: float, overlay_id: UUID | None) -> float:
        """Return a likeness that is too much, if there is one; most others are ruled out by what they share alone."""
        enough = ceil(too_much * one.bit_count())
        for place, other in enumerate(others):
            if (
                (one & other).bit_count() >= enough
                and (found := likeness(one, other)) >= too_much
                and (overlay_id is None or self._overlay_ids[place] != overlay_id.int)
            ):
                return found
        return 0.0


def likeness(one: int, other: int) -> float:
    """Return the share of what two bitmaps have in common (Jaccard)."""
    return (one & other).bit_count() / (one | other).bit_count() if one and other else 0.0


def _bitmap(features: Iterable[bytes], bits: int) -> int:
    """Return an integer with one bit set for each feature; `bits` is a power of two."""
    mask, bitmap = bits - 1, 0
    for feature in features:
        bitmap |= _BIT[crc32(feature) & mask]
    return bitmap


def _first_line(caption: str) -> str:
    """Return the first line with something to read; a disclosure such as #광고 in front is none."""
    for line in caption.split("\n"):
        if len(line) > 1 and not line.startswith(_NO_OPENING):
            return line
    return ""
