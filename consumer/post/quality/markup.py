"""Markdown and HTML turned into what Instagram shows: plain text with line breaks.

Signs that people write themselves stay: "3*4 cm", "^_^", "맛있어요~~", "<3", "<신상 입고>".
"""

import re
from collections.abc import Callable
from string import ascii_lowercase
from typing import Final

Rewrite = Callable[[str], str]

_TAG_NAMES: Final = (
    "a|abbr|address|answer|article|aside|b|big|blockquote|body|br|button|caption|center|cite|code|dd|del|details|div|"
    "dl|dt|em|figcaption|figure|final|font|footer|h[1-6]|head|header|hr|html|i|iframe|img|ins|kbd|li|link|main|mark|"
    "meta|nav|ol|output|p|post|pre|q|response|result|s|samp|section|small|source|span|strike|strong|sub|summary|sup|"
    "svg|table|tbody|td|text|tfoot|th|thead|title|tr|tt|u|ul|var|video|wbr"
)
_HIDDEN: Final = re.compile(r"<!--.*?-->|<(script|style|think|thinking)\b[^>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_ANCHOR: Final = re.compile(r"<a\b[^>]*?href\s*=\s*[\"']?([^\"'>\s]*)[^>]*>(.*?)</a\s*>", re.DOTALL | re.IGNORECASE)
_AUTOLINK: Final = re.compile(r"<((?:https?://|mailto:)[^<>\s]+)>")
_LIST_ITEM: Final = re.compile(r"\s*<li\b[^>]*>\s*", re.IGNORECASE)
_BREAK: Final = re.compile(r"[ \t]*<(?:br|hr)\b[^<>]*>[ \t]*\n?[ \t]*", re.IGNORECASE)
_BLOCK: Final = re.compile(
    r"\s*</?(?:p|div|section|article|h[1-6]|ul|ol|table|tr|blockquote|pre|header|footer|main|body|html)\b[^<>]*>\s*",
    re.IGNORECASE,
)
_TAG: Final = re.compile(rf"</?(?:{_TAG_NAMES})(?:\s[^<>]*)?/?>", re.IGNORECASE)

_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)[\w-]*[ \t]*\n?|\n?[ \t]*(?:```|~~~)[ \t]*$", re.MULTILINE)
_CODE: Final = re.compile(r"``?(?=\S)([^`\n]{1,80}?)(?<=\S)``?")
_IMAGE_OR_LINK: Final = re.compile(r"!?\[([^\[\]\n]*)\]\(\s*<?([^()\s<>]*)>?(?:\s+[\"'][^\"'\n]*[\"'])?\s*\)")
_REFERENCE: Final = re.compile(r"\[\^?[\w-]+\]:[ \t]*\S+[ \t]*$|(?<=\S)\[\^\w+\]", re.MULTILINE)
_NO_TARGET: Final = re.compile(r"#?|링크|url|link|주소", re.IGNORECASE)

_START: Final = r"(?=[\w\"'“‘「『(\[<#@₩$\u2600-\u27ff\U0001f300-\U0001faff])"
# Behind a digit asterisks may hide others (010-12**-34**), but not before a letter.
_STRONG: Final = re.compile(r"(?:(?<![*\d-])|(?<=\d)(?=\*+[^\W\d_]))(\*{2,3})(?=[^\s*])([^\n]+?)(?<=[^\s*])\1(?!\*)")
_UNPAIRED: Final = re.compile(r"(?<![*\d-])\*{2,}(?![*\d-])|(?<=\d)\*{2,}(?=[^\W\d_])")
_EMPHASIS: Final = re.compile(rf"(?<![A-Za-z0-9*])\*{_START}([^*\n]+?)(?<=[^\s*])\*(?![A-Za-z0-9*])")
_UNDERSCORED: Final = re.compile(
    rf"(?<![\w@#./])(_{{1,3}}){_START}(?!_)([^_\n]+?)(?<=[^\s_])\1(?![A-Za-z0-9_\u3131-\u318e])"
)
_STRUCK: Final = re.compile(r"(?<![\w~])~~(?=[^\s~])([^~\n]+?)(?<=\S)~~(?!~)")
_MARKED: Final = re.compile(r"(?<![=\w])==(?=[^\s=])([^=\n]+?)(?<=[^\s=])==(?!=)|\|\|(?=\S)([^|\n]+?)(?<=\S)\|\|")
_SHORTCODE: Final = re.compile(r":(?<![\w:]:)[a-z][a-z0-9_+-]{2,30}:(?![\w:])[ \t]?")

_SPACED_HASHTAGS: Final = re.compile(r"^[ \t]*#[ \t]+\S+(?:[ \t]+#[ \t]*\S+)+[ \t]*$", re.MULTILINE)
_LINE_MARK: Final = re.compile(r"^[ \t]*(?:[#>|=*_+-]|-{3,})", re.MULTILINE)
_RULER: Final = re.compile(r"^[ \t]*(?:([-*_])(?:[ \t]*\1){2,}|={3,})[ \t]*(?:\n|$)", re.MULTILINE)
_HEADING: Final = re.compile(r"^[ \t]*#{1,6}[ \t]+(?=\S)|[ \t]+#{2,6}[ \t]*$", re.MULTILINE)
_BULLET: Final = re.compile(r"^[ \t]*[-*][ \t]+(?:\[[ xX]\][ \t]+)?(?=\S)", re.MULTILINE)
_PLUS_BULLETS: Final = re.compile(r"^[ \t]*\+[ \t]+(?=\S)", re.MULTILINE)
_QUOTED: Final = re.compile(r"^[ \t]*(?:>[ \t])+(?=\S)|^[ \t]*>(?=[\w\"“])", re.MULTILINE)
_TABLE_RULE: Final = re.compile(
    r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)+\|?[ \t]*(?:\n|$)", re.MULTILINE
)
_TABLE_ROW: Final = re.compile(r"^[ \t]*\|(.+)\|[ \t]*$", re.MULTILINE)
_GAP: Final = re.compile(r"\n{3,}")

SIGNS_OF_MARKUP: Final = frozenset((
    "`", "<", "](", "]:", "[^", "*", "_", "~~", *(f":{letter}" for letter in ascii_lowercase),
    "# ", "#\t", "##", ">", "|", "=", "- ", "-\t", "--", "+ ", "+\t",
))  # fmt: skip
"""Without one of them a text is plain already."""
SIGNS_OF_MARKUP_LEFT: Final = frozenset(("**", "```", "](", "<"))
_LEFT: Final = re.compile(
    r"(?<![*\d-])\*\*(?![*\d-])\S{0,20}|```\S{0,20}|\]\(\S{0,30}|</[A-Za-z][^<>]{0,20}>?|<[A-Za-z]+\s[^<>]{0,30}=[^<>]{0,30}>"
    r"|<(?:br|p|b|i|div|span|strong|em)\b[^<>]{0,20}"
    r"|<[A-Za-z][\w-]{1,30}/?>",
    re.IGNORECASE,
)


def to_plain_text(text: str) -> str:
    """Take the markup out and keep what it was around; text without any is returned as it is."""
    plain = text
    for sign, rewrite in _REWRITES:
        if sign in plain:
            plain = rewrite(plain)
    if _LINE_MARK.search(plain):
        plain = _without_line_marks(plain)
    return text if plain == text else _GAP.sub("\n\n", plain).strip("\n")


def markup_left(text: str) -> list[str]:
    """Find markup that `to_plain_text` could not take out."""
    return [found[0] for found in _LEFT.finditer(text)]


def _without_tags(text: str) -> str:
    text = _HIDDEN.sub("", text)
    text = _ANCHOR.sub(lambda link: _linked(link[2], link[1]), text)
    text = _AUTOLINK.sub(r"\1", text)
    text = _LIST_ITEM.sub("\n· ", text)
    text = _BREAK.sub("\n", text)
    text = _BLOCK.sub("\n\n", text)
    return _TAG.sub("", text)


def _without_links(text: str) -> str:
    text = _IMAGE_OR_LINK.sub(lambda link: _linked(link[1], link[2]), text)
    return _REFERENCE.sub("", text)


def _linked(text: str, target: str) -> str:
    """Return the text and where it led to: whether the shop has such a link is another rule's question."""
    if _NO_TARGET.fullmatch(target) or target == text:
        return text
    return f"{text} {target}".strip()


def _without_asterisks(text: str) -> str:
    text = _STRONG.sub(r"\2", text)
    text = _UNPAIRED.sub("", text)
    return _EMPHASIS.sub(r"\1", text)


def _without_code(text: str) -> str:
    return _CODE.sub(r"\1", _FENCE.sub("", text))


def _without_marks(text: str) -> str:
    return _MARKED.sub(lambda found: found[1] or found[2], text)


_REWRITES: Final[tuple[tuple[str, Rewrite], ...]] = (
    ("`", _without_code),
    ("~~~", _without_code),
    ("<", _without_tags),
    ("](", _without_links),
    ("]:", _without_links),
    ("[^", _without_links),
    ("*", _without_asterisks),
    ("_", lambda text: _UNDERSCORED.sub(r"\2", text)),
    ("~~", lambda text: _STRUCK.sub(r"\1", text)),
    ("==", _without_marks),
    ("||", _without_marks),
    (":", lambda text: _SHORTCODE.sub("", text)),
)


def _without_line_marks(text: str) -> str:
    text = _SPACED_HASHTAGS.sub(lambda line: re.sub(r"#[ \t]+", "#", line[0]), text)
    text = _TABLE_RULE.sub("", text)
    text = _TABLE_ROW.sub(_row, text)
    text = _RULER.sub("", text)
    text = _HEADING.sub("", text)
    text = _BULLET.sub("· ", text)
    if len(_PLUS_BULLETS.findall(text)) > 1:
        text = _PLUS_BULLETS.sub("· ", text)
    return _QUOTED.sub("", text)


def _row(line: re.Match[str]) -> str:
    cells = (cell.strip() for cell in line[1].split("|"))
    return " · ".join(cell for cell in cells if cell)
