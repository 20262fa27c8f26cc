"""A caption's text as it may be stored and shown."""

import re
import unicodedata
from typing import Final

_OTHER_NEWLINES: Final = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Control characters, and the halves of surrogate pairs, which UTF-8 cannot hold. Also what turns the
# direction of all text behind it: a caption needs none, and one left open spoils the page around it.
# And letters that nobody sees (tags), but those that make a flag.
_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]"
    "|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"
)

_SPACES: Final = " \t\n\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_ZERO_WIDTH: Final = "\xad\u180e\u200b\u200c\u200d\u2060\ufeff"
_JUNK_AT_ENDS: Final = _SPACES + _ZERO_WIDTH
# Direction marks mean something in front of text, fillers are letters by category: alone, both
# leave the reader with nothing to see.
_UNSEEN: Final = (
    _JUNK_AT_ENDS
    + "\u034f\u061c\u115f\u1160\u17b4\u17b5\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    + "\u2066\u2067\u2068\u2069\u2800\u3164\ufe0e\ufe0f\uffa0"
)


def clean_caption(text: str) -> str:
    """Return `text` in NFC, with the newline as its only control character and neat ends of lines."""
    if not _is_clean(text):
        text = _without_controls(text)
    return trim(unicodedata.normalize("NFC", text))


def trim(text: str) -> str:
    """Take white space and zero-width characters from both ends."""
    return text.strip(_JUNK_AT_ENDS)


def is_blank(text: str) -> bool:
    """Return whether a reader would see nothing."""
    return not text.strip(_UNSEEN)


def _is_clean(text: str) -> bool:
    # isprintable() looks at all characters in a microsecond where a pattern takes twenty. It
    # finds fault with newlines and joined emoji too, both of which are fine here.
    shown = text.replace("\n", " ").replace("\u200d", "")
    return shown.isprintable() and " \n" not in text


def _without_controls(text: str) -> str:
    lines = _OTHER_NEWLINES.sub("\n", text).replace("\t", " ")
    return "\n".join(line.rstrip() for line in _UNWANTED.sub("", lines).split("\n"))
