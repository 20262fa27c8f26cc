"""Amounts of money and discounts, read from text in digits, in words and in the mixtures of both.

"5,000원", "5천 원", "오천원", "₩5000" and "KRW 5,000" are one price.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from string import digits
from typing import Final

from consumer.post.quality.signs import OTHER_DIGITS, SPACES

_DIGIT_WORDS: Final = {word: value for value, word in enumerate("영일이삼사오육칠팔구")}
_SMALL_UNITS: Final = {"십": 10, "백": 100, "천": 1_000}
_LARGE_UNITS: Final = {"만": 10_000, "억": 100_000_000}
_TOKEN: Final = re.compile(r"\d[\d,]*(?:\.\d+)?|[영일이삼사오육칠팔구십백천만억]")

_NUMBER: Final = r"\d[\d,]*(?:\.\d+)?"
_BEHIND_WON: Final = re.compile(
    r"\s?(?:사례|버스|지하철)|(?<=\s원)(?![\s.,!?~)\]]|$|이|은|에|으로|부터|까지|대|짜리|권|씩|할인|만|의|을|도|과|정도|상당|어치"
    r"|미만|초과|세일|오프|입니다|이에요|예요)"
)
_OF_NUMBERS: Final = frozenset("0123456789영일이삼사오육칠팔구십백천만억,. ")
_CURRENCY: Final = re.compile(  # one look at the first letter is faster than a look at each alternative
    rf"(?=[\d₩$€£¥kuej])(?:(?:[₩$€£¥]|\b(?:krw|usd|eur|jpy)\s?)\s?(?P<behind>{_NUMBER})"
    rf"|(?P<before>{_NUMBER})\s?(?:[₩€]|krw\b|won\b|usd\b|dollars?\b|달러|불(?![가-힣])|유로|엔(?![가-힣])|위안))"
)
_CURRENCY_SIGNS: Final = frozenset((
    "₩", "$", "€", "£", "¥", "krw", "won", "usd", "eur", "jpy", "dollar", "달러", "유로", "위안",
    *(f"{digit}{space}{unit}" for digit in digits for space in ("", *SPACES) for unit in "불엔"),
)) | OTHER_DIGITS  # fmt: skip
_PRICE_WORDS: Final = frozenset(("가격", "할인가", "판매가", "정가", "특가", "세일가", "단돈"))
_PRICE_TAG: Final = re.compile(
    rf"(?:가격|할인가|판매가|정가|특가|세일가|단돈|가격대)\s?[은는이가:]?\s?(?P<tag>{_NUMBER})"
)

_DISCOUNT_WORDS: Final = r"(?:할인|세일|sale|off|dc|d\.c|적립|페이백|캐시백|쿠폰|저렴|discount)"
_PER_CENT: Final = r"(?:%|퍼센트|프로(?![가-힣]))"
_PER_CENT_SIGNS: Final = frozenset(("%", "퍼센트", "프로"))
_HALF_SIGNS: Final = frozenset(("half", *(f"반{space}값" for space in ("", *SPACES))))
_PLUS_SIGNS: Final = frozenset(("+", "플러스", "plus one", "buy one"))
SIGNS: Final = _CURRENCY_SIGNS | _PRICE_WORDS | _PER_CENT_SIGNS | _HALF_SIGNS | _PLUS_SIGNS | {"원"}
"""Without one of them a folded text names no price and no discount; the functions take those that may stand in it."""
_DISCOUNT: Final = re.compile(
    rf"(?=[\d최할세sod적페캐쿠저])(?:(?P<before>\d+(?:\.\d+)?)\s?{_PER_CENT}[가-힣]{{0,2}}\s?(?:[가-힣]{{1,4}}\s)?{_DISCOUNT_WORDS}"
    rf"|{_DISCOUNT_WORDS}(?:율|가)?\s?(?:최대|무려|약|은|:)?\s?(?P<behind>\d+(?:\.\d+)?)\s?{_PER_CENT}"
    rf"|최대\s?(?P<most>\d+(?:\.\d+)?)\s?{_PER_CENT})"
)
_ANY_PER_CENT: Final = re.compile(r"(\d+(?:\.\d+)?)\s?(?:%|퍼센트|프로|percent|per\scent)")
_HALF: Final = re.compile(r"반값|반\s값|half\s(?:price|off)")
_FREE_ONE: Final = re.compile(
    r"(?<!\d)([1-9])\s?(?:\+|플러스)\s?1(?![\d.])(?!\s?=)|(원)\s?플러스\s?원|(buy)\sone\b|(one)\splus\sone"
)

_WHOLE_PRICE: Final = 1_000  # won; on a menu "4.5" and "5.0" are thousands
_BARE_NUMBER: Final = re.compile(_NUMBER)


@dataclass(frozen=True, slots=True)
class Amounts:
    """Values in the currency they are given in, discounts in per cent, offers such as "1+1"."""

    values: frozenset[float]
    discounts: frozenset[float]
    offers: frozenset[str]


def prices_in(text: str, signs: frozenset[str] = SIGNS) -> Iterator[tuple[str, float]]:
    """Yield each price as it is written, and its value; `text` is folded."""
    if "원" in signs:
        yield from _won_in(text)
    for needed, pattern in ((_CURRENCY_SIGNS, _CURRENCY), (_PRICE_WORDS, _PRICE_TAG)):
        for found in pattern.finditer(text) if not needed.isdisjoint(signs) else ():
            yield found[0], _plain(found[found.lastgroup or 0])


def discounts_in(text: str, signs: frozenset[str] = SIGNS) -> Iterator[tuple[str, float]]:
    """Yield each discount as it is written, and its per cent; half price is 50; `text` is folded."""
    for found in _DISCOUNT.finditer(text) if not _PER_CENT_SIGNS.isdisjoint(signs) else ():
        yield found[0], float(found[found.lastgroup or 0])
    for found in _HALF.finditer(text) if not _HALF_SIGNS.isdisjoint(signs) else ():
        yield found[0], 50.0


def offers_in(text: str, signs: frozenset[str] = SIGNS) -> Iterator[tuple[str, str]]:
    """Yield each "one more for free" as it is written, and in one spelling."""
    for found in _FREE_ONE.finditer(text) if not _PLUS_SIGNS.isdisjoint(signs) else ():
        yield found[0], f"{found[1] or 1}+1"


def amounts_in_source(text: str) -> Amounts:
    """Read what a post may name. A bare number may be a price: menus leave the currency out."""
    bare = {_plain(number) for number in _BARE_NUMBER.findall(text)}
    thousands = {value * 1_000 for value in bare if value < _WHOLE_PRICE and value != int(value)}
    thousands |= {_plain(number) * 1_000 for number in _BARE_NUMBER.findall(text) if number.endswith(".0")}
    values = {value for _, value in prices_in(text)}
    per_cents = {float(number) for number in _ANY_PER_CENT.findall(text)} | {value for _, value in discounts_in(text)}
    return Amounts(
        frozenset(bare | thousands | values), frozenset(per_cents), frozenset(offer for _, offer in offers_in(text))
    )


def _won_in(text: str) -> Iterator[tuple[str, float]]:
    """Look back from each 원: what stands before it is mostly no number (정원, 공원, 원두)."""
    end = text.find("원")
    while end >= 0:
        start = end
        while start and text[start - 1] in _OF_NUMBERS:
            start -= 1
        number = _number_behind(text[max(0, start - 1) : start], text[start:end])
        if number and not _BEHIND_WON.match(text, end + 1) and (value := _value(number)) is not None:
            yield text[end - len(number) : end + 1].strip(), value
        end = text.find("원", end + 1)


def _number_behind(before: str, number: str) -> str:
    """Return the number without what belongs to the word before it: of "매일 2,000" only the latter."""
    before, number = " " if number.startswith(" ") else before, number.lstrip(" ,.")
    while number and before.isalpha() and not number[0].isdigit():
        before, number = " ", number.partition(" ")[2].lstrip(" ,.")
    return number


def _plain(number: str) -> float:
    return float(number.replace(",", ""))


def _value(number: str) -> float | None:
    """Return the value of a number in digits and unit words; None for words such as 사원 or 구원, which are none."""
    total, section, digit = 0.0, 0.0, None
    tokens = _TOKEN.findall(number)
    if not any(token[0].isdigit() or token in _SMALL_UNITS or token in _LARGE_UNITS for token in tokens):
        return None
    for token in tokens:
        if token in _LARGE_UNITS:
            total += (section + (digit or 0) or 1) * _LARGE_UNITS[token]
            section, digit = 0.0, None
        elif token in _SMALL_UNITS:
            section += (1 if digit is None else digit) * _SMALL_UNITS[token]
            digit = None
        else:
            digit = float(_DIGIT_WORDS[token]) if token in _DIGIT_WORDS else _plain(token)
    return total + section + (digit or 0)
