"""Days of the year in text: 3월 5일, 2026-03-05, 3/5(목), March 5th."""

import re
from collections.abc import Iterator
from string import digits
from typing import Final

from consumer.post.quality.signs import OTHER_DIGITS, SPACES

Day = tuple[int, int]
"""Month and day of the month."""

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ENGLISH_MONTH: Final = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_LONGEST_MONTH_DAYS: Final = 31
_DAY_FORMS: Final = (
    re.compile(r"(?<!\d)(?P<month>\d{1,2})\s?월\s?(?P<day>\d{1,2})\s?일"),
    re.compile(r"(?<!\d)(?:20)?\d\d(?P<by>[-./])\s?(?P<month>\d{1,2})(?P=by)\s?(?P<day>\d{1,2})(?!\d)"),
    re.compile(
        r"(?<![\d.,:/])(?P<month>\d{1,2})[./](?P<day>\d{1,2})\.?\s?"
        r"(?=[(（]?[월화수목금토일][)）]|까지|부터|마감|오픈|출시|~\s?\d{1,2}[./]\d|한정)"
    ),
    re.compile(r"(?<=[~–-])\s?(?P<month>\d{1,2})[./](?P<day>\d{1,2})(?![\d.,:/])(?=\s?(?:[(（]|까지|$|\n|동안))"),
)
_ENGLISH_FORMS: Final = (
    re.compile(rf"\b(?P<month>{_ENGLISH_MONTH})\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b"),
    re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<month>{_ENGLISH_MONTH})(?![a-z])"),
)
_ANY_PAIR: Final = re.compile(r"(?<!\d)(?P<month>\d{1,2})\s?[-./]\s?(?P<day>\d{1,2})(?!\d)")
_MONTH: Final = re.compile(r"(?<!\d)(\d{1,2})\s?월")
_DAY_OF_MONTH: Final = re.compile(r"(?<!\d)(\d{1,2})\s?일")

_NAMED_DAYS: Final[dict[Day, tuple[str, ...]]] = {
    (1, 1): ("새해", "신정"),
    (2, 14): ("발렌타인", "밸런타인"),
    (3, 14): ("화이트데이", "화이트 데이"),
    (5, 5): ("어린이날",),
    (5, 8): ("어버이날",),
    (5, 15): ("스승의 날", "스승의날"),
    (10, 31): ("할로윈", "핼러윈"),
    (11, 11): ("빼빼로", "가래떡"),
    (12, 24): ("크리스마스", "성탄"),
    (12, 25): ("크리스마스", "성탄"),
    (12, 31): ("연말", "올해의 마지막", "한 해의 마지막"),
}

_MAY_NAME_A_DAY: Final = re.compile(r"\d(?:\s?월|[./-]\s?\d)")
SIGNS: Final = OTHER_DIGITS.union(
    (f"{digit}{sign}" for digit in digits for sign in "./-"),
    (f"{digit}{space}월" for digit in digits for space in ("", *SPACES)),
)
"""Without one of them a folded text names no day."""


def days_named(text: str) -> Iterator[tuple[str, Day]]:
    """Yield each day as it is written, and itself; `text` is folded. A feast's own day is not one of them."""
    for form in _DAY_FORMS if _MAY_NAME_A_DAY.search(text) else ():
        for found in form.finditer(text):
            day = (int(found["month"]), int(found["day"]))
            if _is_day(day) and not any(name in text for name in _NAMED_DAYS.get(day, ())):
                yield found[0].strip(), day


def days_in(text: str) -> frozenset[Day]:
    """Read the days a post may name, generously: any two numbers that could be one count."""
    korean = [found for form in (*_DAY_FORMS, _ANY_PAIR) for found in form.finditer(text)]
    days = {(int(found["month"]), int(found["day"])) for found in korean}
    # "11월 7일, 14일", "11월 7~14일"
    days |= {(int(month), int(day)) for month in _MONTH.findall(text) for day in _DAY_OF_MONTH.findall(text)}
    english = [found for form in _ENGLISH_FORMS for found in form.finditer(text)]
    days |= {(_MONTHS.index(found["month"][:3]) + 1, int(found["day"])) for found in english}
    return frozenset(days)


def _is_day(day: Day) -> bool:
    month, day_of_month = day
    return 1 <= month <= len(_MONTHS) and 1 <= day_of_month <= _LONGEST_MONTH_DAYS
