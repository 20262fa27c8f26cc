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
# Letters that ordinary posts are full of, the commonest first.
_COMMON: Final = (
    "요이세에주다한을고서로하원오은지니구는수가나동성마두말스해시일인어드투무기의만매를그문리크천보장소점울전금산차자상늘추길게포습글봄릴빵료방분유라케써피면연간후태아첫정루집조신우예핸남입바딸타개음함대용"
    "모월휴사올행비향제부림름셔와따르램품백내할감온선도션권으막국여경관공위안미생진반치년화물형발계있결통중체재실력식교적절터청심최약류며려거않없것때더또된될같든너희저람카달콤처럼께까당히석명영회특별작업들"
    "학과민새움열겨맛건강좋날씨"
    "0123456789eanoitrslcdhmpugybwfvk"
)
_RANKS: Final = {letter: rank for rank, letter in enumerate(_COMMON)}


@dataclass(frozen=True, slots=True)
class ForbiddenClaim:
    """One kind of claim, and what it looks like."""

    kind: str
    sectors: tuple[Sector, ...]
    patterns: tuple[str, ...]


class ClaimList:
    """The list for one sector, ready to be looked for.

    The patterns are many and most posts hold none: only those are tried of which a rare letter occurs, and then the
    word that it stands in.
    """

    def __init__(self, claims: Iterable[ForbiddenClaim], sector: Sector) -> None:
        wanted = {EVERY_SECTOR, sector}
        by_word: dict[tuple[str, str], list[str]] = defaultdict(list)
        for claim in claims:
            for pattern in claim.patterns if wanted & set(claim.sectors) else ():
                for choice in _choices(pattern.lower()):
                    by_word[_rarest(choice)].append(_regex(choice))
        self._by_letter: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for (letter, word), regexes in by_word.items():
            self._by_letter[letter].append((word, "|".join(regexes)))
        self._letters = re.compile(f"[{''.join(map(re.escape, sorted(self._by_letter)))}]")

    def claims_in(self, text: str, source: Source) -> list[str]:
        """Find forbidden claims in a folded text; what the shop says in the same words is the shop's to answer for."""
        found = {
            match[0]
            for letter in set(self._letters.findall(text))
            for word, regex in self._by_letter[letter]
            if word in text
            for match in _compiled(regex).finditer(text)
        }
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


def _rarest(pattern: str) -> tuple[str, str]:
    """Return the rarest letter that every text with the pattern has, and the letters side by side with it."""
    while pattern != (pattern := _ALTERNATIVES.sub(" ", pattern)):
        pass
    words = _WORD.findall(pattern)
    return max(((letter, word) for word in words for letter in word), key=lambda one: _RANKS.get(one[0], len(_RANKS)))


@cache
def _compiled(regex: str) -> re.Pattern[str]:
    """Compile a pattern when it is needed first: most never are."""
    return re.compile(regex)


def _regex(pattern: str) -> str:
    literal = _SPECIAL.sub(r"\\\g<0>", pattern.removeprefix("^"))
    regex = _GAP.sub("…", literal).replace(" ", r"\s*").replace("…", r"[^.!?\n]{0,14}?")
    return f"(?<![가-힣a-z]){regex}" if pattern.startswith("^") else regex
