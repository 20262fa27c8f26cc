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
from importlib.resources import files
from itertools import chain
from typing import Final

from consumer.post.quality.source import Source
from schemas.quality import Sector

EVERY_SECTOR: Final = "none"
_DATA: Final = "claims_ko.toml"
_GAP: Final = re.compile(" ?… ?")
_SPECIAL: Final = re.compile(r"[.^$*+?{}\[\]\\]")


@dataclass(frozen=True, slots=True)
class ForbiddenClaim:
    """One kind of claim, and what it looks like."""

    kind: str
    sectors: tuple[Sector, ...]
    patterns: tuple[str, ...]


class ClaimList:
    """The list for one sector, ready to be looked for.

    The patterns are many and most posts hold none: only those whose first two letters occur are tried.
    """

    def __init__(self, claims: Iterable[ForbiddenClaim], sector: Sector) -> None:
        wanted = {EVERY_SECTOR, sector}
        by_first: dict[str, list[str]] = defaultdict(list)
        seconds: dict[str, set[str]] = defaultdict(set)
        for claim in claims:
            for pattern in claim.patterns if wanted & set(claim.sectors) else ():
                for choice in _choices(pattern.lower()):
                    first, rest = choice.removeprefix("^")[0], choice.removeprefix("^")[1:]
                    by_first[first].append(_regex_behind_first(choice))
                    seconds[first] |= _first_letters(rest)
        self._patterns = {
            first: re.compile(f"{first}(?:{'|'.join(regexes)})") for first, regexes in sorted(by_first.items())
        }
        self._beginnings = frozenset((first, second) for first, letters in seconds.items() for second in letters)
        firsts, others = _any_of(seconds), _any_of(chain.from_iterable(seconds.values()))
        self._may_begin = re.compile(rf"([{firsts}])(?=\s*([{others}]))")

    def claims_in(self, text: str, source: Source) -> list[str]:
        """Find forbidden claims in a folded text; what the shop says in the same words is the shop's to answer for."""
        occurring = {first for first, _ in self._beginnings.intersection(self._may_begin.findall(text))}
        found = {match[0] for first in occurring for match in self._patterns[first].finditer(text)}
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


def _first_letters(rest: str) -> set[str]:
    """Return the letters that the rest of a pattern may begin with, white space apart."""
    rest = rest.lstrip(" ")
    if not rest.startswith("("):
        return {rest[0]}
    choices, _, behind = rest[1:].partition(")")
    return set().union(*(_first_letters(choice or behind) for choice in choices.split("|")))


def _any_of(letters: Iterable[str]) -> str:
    return "".join(map(re.escape, sorted(set(letters))))


def _regex_behind_first(pattern: str) -> str:
    """Return what follows the first letter, which stands in front of all that begin with it: the search goes by it."""
    first, rest = pattern.removeprefix("^")[0], pattern.removeprefix("^")[1:]
    literal = _SPECIAL.sub(r"\\\g<0>", rest)
    regex = _GAP.sub("…", literal).replace(" ", r"\s*").replace("…", r"[^.!?\n]{0,14}?")
    return f"(?<![가-힣a-z]{first}){regex}" if pattern.startswith("^") else regex
