"""How alike two posts are: by their words, by their first lines, by their hashtags.

Words and not trigrams: Korean posts of one shop share endings and particles, hardly whole words,
and a post is a few dozen words. The store's own words (address, hours) do not count.
"""

import re
from collections import Counter, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final

RECENT_POSTS: Final = 50
"""A post is compared with so many of its tenant's last ones."""

_WORD: Final = re.compile(r"[^\W_]+")
_FEWEST_WORDS: Final = 5
_ALIKE_TEXTS: Final = 0.5
_ALIKE_OPENINGS: Final = 0.6
_ALIKE_HASHTAGS: Final = 0.8
_FEWEST_HASHTAGS: Final = 3
_FEWEST_OPENING_LETTERS: Final = 6
_GRAM: Final = 3

Features = frozenset[Hashable]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What of a post is compared with others."""

    text: Features
    opening: Features
    hashtags: Features


def fingerprint(caption: str, hashtags: str, store: str) -> Fingerprint:
    """Take what is compared: words that are not the store's, pieces of the first line, hashtags."""
    lower = caption.lower()
    words = frozenset(_WORD.findall(lower)).difference(_WORD.findall(store.lower()))
    return Fingerprint(
        text=words if len(words) >= _FEWEST_WORDS else frozenset(),
        opening=_pieces(_first_line(lower)),
        hashtags=_enough(frozenset(hashtags.lower().split())),
    )


class RecentPosts:
    """The last posts of one tenant. Finding the most alike takes a look at shared features only."""

    def __init__(self, fingerprints: Iterable[Fingerprint] = ()) -> None:
        self._texts = _Index()
        self._openings = _Index()
        self._hashtags = _Index()
        for one in fingerprints:
            self.add(one)

    def add(self, one: Fingerprint) -> None:
        """Count a post among the last ones, in place of the oldest."""
        self._texts.add(one.text)
        self._openings.add(one.opening)
        self._hashtags.add(one.hashtags)

    def likenesses(self, one: Fingerprint) -> list[str]:
        """Tell in what the post is too much like one of the others."""
        looks = (
            ("text", self._texts.closest(one.text), _ALIKE_TEXTS),
            ("first line", self._openings.closest(one.opening), _ALIKE_OPENINGS),
            ("hashtags", self._hashtags.closest(one.hashtags), _ALIKE_HASHTAGS),
        )
        return [f"{what}: {share:.0%} alike" for what, share, too_much in looks if share >= too_much]


class _Index:
    """Sets of features, the newest ones, by the features that are in them."""

    def __init__(self) -> None:
        self._sets: deque[tuple[int, Features]] = deque()
        self._sizes: dict[int, int] = {}
        self._holders: dict[Hashable, list[int]] = {}
        self._count = 0

    def add(self, features: Features) -> None:
        self._count += 1
        self._sets.append((self._count, features))
        self._sizes[self._count] = len(features)
        for feature in features:
            self._holders.setdefault(feature, []).append(self._count)
        if len(self._sets) > RECENT_POSTS:
            self._forget(*self._sets.popleft())

    def _forget(self, number: int, features: Features) -> None:
        del self._sizes[number]
        for feature in features:
            holders = self._holders[feature]
            holders.remove(number)
            if not holders:
                del self._holders[feature]

    def closest(self, features: Features) -> float:
        """Return the largest share of common features (Jaccard) with any of the sets."""
        holders = self._holders
        shared = Counter(number for feature in features if feature in holders for number in holders[feature])
        size = len(features)
        return max((common / (size + self._sizes[number] - common) for number, common in shared.items()), default=0.0)


def _first_line(caption: str) -> str:
    """The first line with something to read; a disclosure such as #광고 in front is none."""
    for line in caption.split("\n"):
        if not line.startswith(("#", "＃", "[광고", "(광고")) and len("".join(_WORD.findall(line))) > 1:
            return line
    return ""


def _pieces(line: str) -> Features:
    letters = "".join(_WORD.findall(line))
    if len(letters) < _FEWEST_OPENING_LETTERS:
        return frozenset()
    return frozenset(letters[start : start + _GRAM] for start in range(len(letters) - _GRAM + 1))


def _enough(hashtags: frozenset[str]) -> Features:
    return hashtags if len(hashtags) >= _FEWEST_HASHTAGS else frozenset()
