"""The texts a post was written from, folded, and read for the facts that a post may repeat.

No fact is read before a rule asks for it: most posts name no price, link or number.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from typing import Final, Protocol

from consumer.post.quality.amounts import Amounts, amounts_in_source
from consumer.post.quality.dates import Day, days_in

_NOT_DIGITS: Final = re.compile(r"[^\d\n]+")
_BETWEEN_TEXTS: Final = "\0"  # what PostgreSQL stores has none
_SEPARATED: Final = re.compile(r"(?<=\d)[\s().\-–—·]{1,3}(?=\d)")


def folded(text: str) -> str:
    """Return what spellings of one text have in common: compatibility forms and case."""
    return unicodedata.normalize("NFKC", text).casefold() if not text.isascii() else text.lower()


def without_spaces(text: str) -> str:
    """Return the text with nothing between its words; Korean spacing varies from writer to writer."""
    return "".join(text.split())


class Fields(Protocol):
    """What a post is written from: an event has it, and so has a stored post."""

    @property
    def refined_ad_copy_eng(self) -> str: ...  # noqa: D102 - the contract's names
    @property
    def tone_style(self) -> str: ...  # noqa: D102
    @property
    def product_description(self) -> str: ...  # noqa: D102
    @property
    def store_information(self) -> str: ...  # noqa: D102
    @property
    def gpt_prompt(self) -> str: ...  # noqa: D102


class Source:
    """The event's fields: copy, tone, product, store and the shop's wishes."""

    def __init__(self, fields: Fields) -> None:
        """Fold all fields in one go: it takes half the time of five, and no post is judged without them."""
        *written, self.store_text, self.tone_text = _folded_each(
            fields.product_description,
            fields.refined_ad_copy_eng,
            fields.gpt_prompt,
            fields.store_information,
            fields.tone_style,
        )
        self.written: Sequence[str] = written
        """The fields whose sentences a post must not merely repeat; a store's address is there to be repeated."""
        self.wishes_text = written[-1]
        self.written_text = "\n".join(written)
        self.text = f"{self.written_text}\n{self.store_text}\n{self.tone_text}"

    def has(self, passage: str) -> bool:
        """Return whether a field holds these words, however they are spaced."""
        return without_spaces(folded(passage)) in self._dense

    @cached_property
    def store_words(self) -> frozenset[str]:
        """The words of the store's information, which every post of the shop may have."""
        return frozenset(self.store_text.split())

    @cached_property
    def digits(self) -> str:
        """All numbers, those in one piece that punctuation parts, each between spaces."""
        return _NOT_DIGITS.sub(" ", _SEPARATED.sub("", self.text.replace("+82", "0")))

    @cached_property
    def amounts(self) -> Amounts:
        """The prices, discounts and plain numbers of all fields."""
        return amounts_in_source(self.text)

    @cached_property
    def days(self) -> frozenset[Day]:
        """The days of the year that the fields name."""
        return days_in(self.text)

    @cached_property
    def _dense(self) -> str:
        return without_spaces(self.text)


def _folded_each(*texts: str) -> list[str]:
    together = folded(_BETWEEN_TEXTS.join(texts)).split(_BETWEEN_TEXTS)
    return together if len(together) == len(texts) else list(map(folded, texts))
