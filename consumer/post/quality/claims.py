"""Claims that Korean advertising law forbids, by a list that is data.

`claims_ko.toml` says what is claimed, for which sectors, and which law forbids it. In its patterns
a space stands for any white space or none, `…` for a few words of the same sentence, `(a|b)` for
alternatives, `^` in front for the beginning of a word; all else is meant letter by letter.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from consumer.post.quality.source import Source
from schemas.quality import Sector

EVERY_SECTOR: Final = "none"
_DATA: Final = "claims_ko.toml"
_GAP: Final = re.compile(" ?… ?")
_ALTERNATIVES: Final = re.compile(r"\([^()]*\)")
_WORD: Final = re.compile(r"[^\W_]+")
_SPECIAL: Final = re.compile(r"[.^$*+?{}\[\]\\]")


@dataclass(frozen=True, slots=True)
class ForbiddenClaim:
    """One kind of claim, and what it looks like."""

    kind: str
    sectors: tuple[Sector, ...]
    patterns: tuple[str, ...]


class ClaimList:
    """The list for one sector, ready to be looked for.

    The patterns are many and most posts hold none: only those are tried of which the longest word stands in the text,
    digits apart, which stand in every other text. Patterns with the same longest word are tried as one: the first
    that fits.
    """

    def __init__(self, claims: Iterable[ForbiddenClaim], sector: Sector) -> None:
        wanted = {EVERY_SECTOR, sector}
        regexes: dict[str, list[str]] = defaultdict(list)
        signs: dict[str, set[str]] = defaultdict(set)
        for claim in claims:
            for pattern in claim.patterns if wanted & set(claim.sectors) else ():
                for choice in _choices(pattern.lower()):
                    words = _words(choice)
                    group = max(words, key=len)
                    regexes[group].append(_regex(choice))
                    signs[group].add(max(reversed(words), key=lambda word: (not word.isdecimal(), len(word))))
        self._by_sign: dict[str, set[str]] = defaultdict(set)
        for group, of_group in regexes.items():
            for sign in signs[group]:
                self._by_sign[sign].add("|".join(of_group))
        self.signs = frozenset(self._by_sign)

    def claims_in(self, text: str, source: Source, signs: frozenset[str] | None = None) -> list[str]:
        """Find forbidden claims in a folded text; what the shop says in the same words is the shop's to answer for.

        `signs` are those of the list's that may stand in the text; None where nobody looked.
        """
        regexes = {
            regex for sign in (self.signs if signs is None else self.signs & signs) for regex in self._by_sign[sign]
        }
        found = {match[0] for regex in regexes for match in _compiled(regex).finditer(text)}
        return sorted(claim for claim in found if not source.has(claim))


def load_claims() -> tuple[str, tuple[ForbiddenClaim, ...]]:
    """Read the list that comes with the program: its version, and its claims."""
    data = tomllib.loads(files(__package__).joinpath(_DATA).read_text(encoding="utf-8"))
    claims = tuple(
        ForbiddenClaim(claim["kind"], tuple(claim["sectors"]), tuple(claim["patterns"])) for claim in data["claims"]
    )
    return data["version"], claims


def _choices(pattern: str) -> list[str]:
    """Return the pattern, or several where it begins with alternatives, so that each begins with a letter."""
    if not pattern.startswith("("):
        return [pattern]
    choices, _, rest = pattern[1:].partition(")")
    return [choice + rest for choice in choices.split("|")]


def _words(pattern: str) -> list[str]:
    """Return the runs of letters that stand in every text with the pattern."""
    while pattern != (pattern := _ALTERNATIVES.sub(" ", pattern)):
        pass
    return _WORD.findall(pattern)


@cache
def _compiled(regex: str) -> re.Pattern[str]:
    """Compile a pattern when it is needed first: most never are."""
    return re.compile(regex)


def _regex(pattern: str) -> str:
    literal = _SPECIAL.sub(r"\\\g<0>", pattern.removeprefix("^"))
    regex = _GAP.sub("…", literal).replace(" ", r"\s*").replace("…", r"[^.!?\n]{0,14}?")
    # what stands in front is looked at from behind the first letter: letters are searched for faster than places
    return f"{regex[0]}(?<![가-힣a-z]{regex[0]}){regex[1:]}" if pattern.startswith("^") else regex
