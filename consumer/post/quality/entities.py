"""Text that was escaped once too often: HTML entities, backslash escapes, percent and byte codes."""

import html
import re
import sys
from typing import Final

# Also without the semicolon, where nothing else can be meant.
_ENTITY: Final = re.compile(
    r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|&(?:amp|lt|gt|quot|nbsp|apos)(?![A-Za-z0-9=])"
)
_CODE_UNITS: Final = re.compile(r"(?:\\{1,2}u(?:[0-9a-fA-F]{4}|\{[0-9a-fA-F]{1,6}\}))+|\\{1,2}U000[01][0-9a-fA-F]{4}")
_CODE_UNIT: Final = re.compile(r"[uU]\{?([0-9a-fA-F]{1,8})\}?")
_HEX_BYTES: Final = re.compile(
    r"(?:\\x[0-9a-fA-F]{2})+|(?:<0x[0-9a-fA-F]{2}>)+|(?<![\w/?&=.%-])(?:%[0-9a-fA-F]{2}){3,}"
)
_HEX_BYTE: Final = re.compile(r"[0-9a-fA-F]{2}(?![0-9a-fA-F])")
# Only a path such as C:\new means anything else by it.
_NEWLINE: Final = re.compile(r"\\{1,2}r\\{1,2}n|(?<![A-Za-z]:)(?<![A-Za-z]:\\)\\{1,2}n|\\{1,2}r(?![A-Za-z]{2})")
_TAB: Final = re.compile(r"\\{1,2}t(?![A-Za-z]{2})")
_ESCAPED_SIGN: Final = re.compile(r"(?<!¯)\\{1,2}([\"'/*_#~`>|\[\]{}!.&@+-])")
_SIGNS: Final = ("&", "\\", "%", "▁", "<0x")
SIGNS_OF_ESCAPES: Final = frozenset(("&", "\\", "▁", "<0x", *(f"%{digit}" for digit in "0123456789abcdef")))
"""Without one of them in its small letters a text has nothing to decode."""
SIGNS_OF_DAMAGE: Final = frozenset(("�", "\\u", "&#"))
_DAMAGE: Final = re.compile(r"\S{0,10}(?:�|\\u[0-9a-fA-F]{2,4}|&#\d)\S{0,10}")

_MAX_ROUNDS: Final = 3  # "&amp;amp;lt;" has been seen


def decode(text: str) -> str:
    """Undo every escape that can be undone for certain; text without any is returned as it is."""
    for _ in range(_MAX_ROUNDS if any(sign in text for sign in _SIGNS) else 0):
        decoded = _decoded_once(text)
        if decoded == text:
            break
        text = decoded
    return text


def damaged_passages(text: str) -> list[str]:
    """Find what was lost in some conversion and cannot be restored."""
    return [found[0] for found in _DAMAGE.finditer(text)]


def _decoded_once(text: str) -> str:
    if "&" in text:
        text = _ENTITY.sub(_character, text)
    if "\\" in text:
        text = _CODE_UNITS.sub(_characters_of_units, text)
        text = _NEWLINE.sub("\n", text)
        text = _TAB.sub(" ", text)
        text = _ESCAPED_SIGN.sub(r"\1", text)
    if "%" in text or "\\x" in text or "<0x" in text:
        text = _HEX_BYTES.sub(_characters_of_bytes, text)
    return text.replace("▁", " ") if "▁" in text else text


def _character(entity: re.Match[str]) -> str:
    return html.unescape(entity[0] if entity[0].endswith(";") else f"{entity[0]};").replace("\xa0", " ")


def _characters_of_units(escapes: re.Match[str]) -> str:
    numbers = [int(number, 16) for number in _CODE_UNIT.findall(escapes[0])]
    characters = "".join(chr(number) for number in numbers if number <= sys.maxunicode)
    # a pair of surrogates becomes the one character it stands for
    return characters.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _characters_of_bytes(codes: re.Match[str]) -> str:
    try:
        return bytes.fromhex("".join(_HEX_BYTE.findall(codes[0]))).decode()
    except UnicodeDecodeError:
        return codes[0]
