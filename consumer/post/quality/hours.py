"""Opening hours in text: 11:00–20:00, 오전 11시부터, 저녁 여덟 시까지 열어요, 월요일 휴무, 연중무휴, 24시간 영업.

An hour alone is none ("오후 세 시의 커피"): what counts is a span of hours, or an hour beside a word for being open.
All texts are folded.
"""

import re
from string import digits
from typing import Final

from consumer.post.quality.signs import SPACES

Hour = tuple[int, int]
"""Hour and minute by a clock of twelve hours: 20:00 and "저녁 8시" are one."""

_HOUR_WORDS: Final = {
    word: hour
    for hour, word in enumerate(
        ("한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열", "열한", "열두"), start=1
    )
}
_PART: Final = r"(?:오전|오후|아침|낮|점심|저녁|밤|새벽|am|pm)"
_WORD: Final = "|".join(sorted(_HOUR_WORDS, key=len, reverse=True))
_CLOCK: Final = (
    rf"(?:{_PART}\s?)?(?<![\d.,:])(?:[01]?\d|2[0-4])(?::[0-5]\d(?!\d)|\s?시(?!간)(?:\s?(?:[0-5]?\d\s?분|반))?"
    rf"|\s?(?:am|pm|a\.m\.|p\.m\.)(?![a-z]))"
    rf"|(?:{_PART}\s?)?(?<![가-힣])(?:{_WORD})\s?시(?!간)(?:\s?반)?"
)
_TO: Final = r"(?:\s?(?:부터|에서|[-~–—〜]|to)\s?)"
_IN_BUSINESS: Final = r"(?:영업|운영)"
"""Words beside which bare numbers are hours: "9 to 6 운영"."""
_OPEN: Final = r"(?:영업|운영|오픈|open|마감|라스트\s?오더|열려\s?있|문\s?(?:을\s?)?(?:열|엽|여|연|닫)|close[sd]?\b)"
_BARE_SPAN: Final = rf"(?<![\d.,:/])(?:[01]?\d|2[0-4]){_TO}(?:[01]?\d|2[0-4])(?![\d:/%]|[.,]\d)"
# One look at the first letter is much faster than a look at each alternative.
_HOURS: Final = re.compile(
    rf"(?=[\d오아낮점저밤새ap한두세네다여일열영운o마라문c])(?:"
    rf"(?:{_CLOCK}|(?<![\d.,:])(?:[01]?\d|2[0-4])){_TO}(?:{_CLOCK})"
    rf"|{_OPEN}(?:\s?(?:시간|시각))?\s?[:은는이]?\s?(?:매일\s|평일\s|주말\s)?(?:{_CLOCK})"
    rf"|(?:{_CLOCK})\s?(?:까지|부터|에|면)?\s?(?:만\s?)?(?:매장\s|가게\s)?{_OPEN}"
    rf"|(?:{_CLOCK})\s?까지\s?기다)"
)
_BARE_HOURS: Final = re.compile(
    rf"{_BARE_SPAN}\s?(?:까지\s?)?(?:매장\s|가게\s)?{_IN_BUSINESS}"
    rf"|{_IN_BUSINESS}(?:\s?(?:시간|시각))?\s?[:은는이]?\s?(?:매일\s|평일\s|주말\s)?{_BARE_SPAN}"
    r"(?=까지|이에요|예요|입니다|[^가-힣]|$)"
)
_DIGITAL: Final = re.compile(r"[0-9]{1,2}:[0-9][0-9]")
_READ: Final = re.compile(
    rf"(?<![\d,.])(?P<hour>\d{{1,2}})(?![\d,.]*\d)(?:\s?(?::|시)\s?(?:(?P<minute>[0-5]\d)|(?P<half>반))?)?|(?P<word>{_WORD})\s?시(?:\s?(?P<half_too>반))?"
)
_DAY: Final = "[월화수목금토일]"
_REST: Final = r"(?:정기\s?)?(?:휴무|휴점|쉽니다|쉬어요|쉬는\s?날|문\s?(?:을\s?)?닫)"
_DAYS_OFF: Final = re.compile(
    rf"(?:매주\s?)?{_DAY}요일(?:\s?[,·과와/]\s?{_DAY}요일)*\s?(?:은|에는|에|마다)?\s?{_REST}"
    rf"|(?<![가-힣]){_DAY}(?:\s?[,·/]\s?{_DAY})*\s(?:정기\s?)?(?:휴무|휴점)"
)
_NAMES_DAYS: Final = re.compile(
    rf"휴무|휴점|쉽니다|쉬어|쉬는|닫|closed|{_DAY}(?:요일)?\s?[-~–—〜]\s?{_DAY}|mon|tue|weekday"
)
_ALWAYS: Final = re.compile(r"연중\s?무휴|365일\s?(?:영업|운영|오픈)")
_SAYS_ALWAYS: Final = re.compile(r"무휴|매일|365|every\s?day|daily|7 days")
_ROUND_THE_CLOCK: Final = re.compile(r"24시간\s?(?:내내\s?)?(?:영업|운영|오픈|무인|열려)")
_SAYS_ROUND_THE_CLOCK: Final = re.compile(r"24\s?(?:시간|h|/7)|round the clock")

_UNITS: Final = ("시", "am", "pm", "a.m", "p.m")
_SIGNS_OF_DIGITAL: Final = frozenset(f":{digit}" for digit in "012345")
_SIGNS_OF_OTHERS: Final = frozenset((
    *(f"{digit}{space}{unit}" for digit in digits for space in ("", *SPACES) for unit in _UNITS),
    *(f"{word[-1]}{space}시" for word in _HOUR_WORDS for space in ("", *SPACES)),
    "휴무", "휴점", "무휴", "365", "요일",
))  # fmt: skip
_SIGNS_OF_BARE: Final = frozenset(("영업", "운영"))
SIGNS: Final = _SIGNS_OF_DIGITAL | _SIGNS_OF_OTHERS | _SIGNS_OF_BARE
"""Without one of them a folded text names no opening hours."""


def unknown_hours(text: str, source: str, signs: frozenset[str] = SIGNS) -> list[str]:
    """Find opening hours and days off that the source does not name, however they are written.

    `signs` are those of `SIGNS` that may stand in the text.
    """
    unknown = [] if _SIGNS_OF_BARE.isdisjoint(signs) else _unknown_of(_BARE_HOURS, text, source)
    # hours stand in the store's information, at the end of the fields
    if _SIGNS_OF_OTHERS.isdisjoint(signs) and all(source.rfind(hour) >= 0 for hour in _digital_hours(text)):
        return unknown
    unknown += _unknown_of(_HOURS, text, source)
    for claimed, says in ((_DAYS_OFF, _NAMES_DAYS), (_ALWAYS, _SAYS_ALWAYS), (_ROUND_THE_CLOCK, _SAYS_ROUND_THE_CLOCK)):
        if (claim := claimed.search(text)) and not says.search(source):
            unknown.append(claim[0])
    return unknown


def _unknown_of(pattern: re.Pattern[str], text: str, source: str) -> list[str]:
    found = [span[0].strip() for span in pattern.finditer(text)]
    known = hours_in(source) if found else frozenset()
    return [hours for hours in found if not hours_in(hours) <= known]


def _digital_hours(text: str) -> list[str]:
    """Return what looks like 9:30 or 21:00; no text is read but that around its colons."""
    return _DIGITAL.findall(text, max(text.find(":") - 2, 0), text.rfind(":") + 3)


def hours_in(text: str) -> frozenset[Hour]:
    """Read hours generously: a bare number may be one, since "10-22" is a way to write them."""
    return frozenset(_hour(found) for found in _READ.finditer(text))


def _hour(found: re.Match[str]) -> Hour:
    if found["word"]:
        return _HOUR_WORDS[found["word"]] % 12, 30 if found["half_too"] else 0
    return int(found["hour"]) % 12, 30 if found["half"] else int(found["minute"] or 0)
