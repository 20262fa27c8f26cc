"""What a hashtag is, and reading hashtags out of what a model writes.

A hashtag is `#` and letters, marks, digits or underscore of any script, at least one not a
digit. The fullwidth `＃` starts one as well.
"""

import re
import unicodedata
from itertools import takewhile
from typing import Final

from consumer.post.caption import trim

_SIGNS: Final = "#＃"

# Letters and digits of the scripts seen daily, all unchanged by NFC: one match instead of a look
# at every character. Anything else is judged by its Unicode category, with the same result.
_COMMON_CHARACTERS: Final = (
    "0-9A-Za-z_"
    "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"  # accented Latin
    "\u3041-\u3096\u30a1-\u30fa\u30fc"  # Kana
    "\u3400-\u4dbf\u4e00-\u9fff"  # Han
    "\uac00-\ud7a3"  # Hangul
)
_COMMON_BODY: Final = re.compile(f"[{_COMMON_CHARACTERS}]+")
_COMMON_LIST: Final = re.compile(rf"(?:#(?![0-9]+(?: |\Z))[{_COMMON_CHARACTERS}]+(?: (?=#)|\Z))+")
"""A list in which there is nothing to put right, unless it says something twice."""
_WORD: Final = re.compile(rf"[{_SIGNS}]?[^\s,，、،;；|{_SIGNS}]+")
_ITEM: Final = re.compile(rf"[{_SIGNS}]*[^,，、،;；|\n{_SIGNS}]+")
_BETWEEN_ITEMS: Final = re.compile(rf"[,，、،;；|\n{_SIGNS}]")
_MOST_WORDS_OF_ONE: Final = 4
_IN_PROSE: Final = re.compile(rf"[{_SIGNS}]([^\s{_SIGNS}]+)")

# Letters and marks by category, but nothing one sees: fillers, and what is left of an emoji.
_UNSEEN: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u20e3\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")

# Mentions, links and labels such as "Hashtags:".
_NO_HASHTAG: Final = re.compile(rf"@|://|^[^{_SIGNS}].*[:：]$", re.DOTALL)


def hashtags_in_list(text: str) -> list[str]:
    """Read a list of hashtags, however it is separated: in order, NFC, no two the same.

    Missing signs are added, characters that no hashtag may hold are dropped, words between two
    signs or separators are one hashtag. Mentions, links, labels and bare numbers are not made into
    hashtags.
    """
    if _COMMON_LIST.fullmatch(text) and len(set(text.casefold().split(" "))) == len(tags := text.split(" ")):
        return tags
    first_of_each: dict[str, str] = {}
    for word in _words(text):
        if tag := _hashtag(word):
            first_of_each.setdefault(folded(tag), tag)
    return list(first_of_each.values())


def hashtags_in_prose(text: str) -> list[str]:
    """Find every hashtag that Instagram may count in running text, repeated ones too."""
    if "#" not in text and "＃" not in text:
        return []
    runs = ("".join(takewhile(_may_hold, piece)) for piece in _IN_PROSE.findall(text))
    return ["#" + run for run in runs if run and not run.isdecimal()]


def split_closing_hashtags(caption: str) -> tuple[str, str]:
    """Part a caption from the lines at its end that hold hashtags and nothing else."""
    lines = caption.split("\n")
    end = len(lines)
    while end and (not (line := trim(lines[end - 1])) or _is_hashtag_line(line)):
        end -= 1
    return "\n".join(lines[:end]), " ".join(filter(None, lines[end:]))


def folded(tag: str) -> str:
    """Return what two spellings of one hashtag have in common."""
    return unicodedata.normalize("NFC", tag.casefold())


def _words(text: str) -> list[str]:
    """Return what may become one hashtag each: mostly words, but "#성수동 카페 #커피" is two, not three."""
    words: list[str] = _WORD.findall(text)
    if all(word[0] in _SIGNS for word in words) or not _BETWEEN_ITEMS.search(text):
        return words
    return [word for item in _ITEM.findall(text) for word in _joined(item.split())]


def _joined(words: list[str]) -> list[str]:
    bodies = [word.lstrip(_SIGNS) for word in words]
    is_one = len(words) <= _MOST_WORDS_OF_ONE and all(map(_is_plain_word, bodies))
    return ["".join(words)] if is_one and words else words


def _is_plain_word(body: str) -> bool:
    return _COMMON_BODY.fullmatch(body) is not None and not body.isdecimal()


def _hashtag(word: str) -> str | None:
    body = word.lstrip(_SIGNS)
    if not _COMMON_BODY.fullmatch(body):
        body = "" if _NO_HASHTAG.search(word) else _rewritten(body)
    return f"#{body}" if body and not body.isdecimal() else None


def _rewritten(body: str) -> str:
    kept = filter(_may_hold, _UNSEEN.sub("", body))
    composed = unicodedata.normalize("NFC", "".join(kept))
    # A mark in front would sit on the sign.
    marks = sum(1 for _ in takewhile(_is_mark, composed))
    return composed[marks:]


def _is_hashtag_line(line: str) -> bool:
    words = _WORD.findall(line)
    return bool(words) and all(word[0] in _SIGNS and all(map(_may_hold, word[1:])) and _hashtag(word) for word in words)


def _may_hold(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd" or character == "_"


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"
