"""Making untrusted text safe to show: control and text direction characters become visible symbols."""

import re

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")  # JSON escapes the others
_CONTROL_PICTURES = 0x2400
_DELETE = 0x7F


def visible(text: str) -> str:
    """Return the text with a symbol in place of each control character; line breaks stay."""
    return _UNSAFE.sub(_picture, text)


def one_line(text: str) -> str:
    """Return the same on one line: line breaks and tabs become symbols, too."""
    return visible(text).replace("\n", "\N{SYMBOL FOR NEWLINE}").replace("\t", "\N{SYMBOL FOR HORIZONTAL TABULATION}")


def visible_json(document: str) -> str:
    """Return an equivalent JSON document, with control characters escaped that JSON allows."""
    return _UNSAFE_IN_JSON.sub(lambda unsafe: f"\\u{ord(unsafe[0]):04x}", document)


def _picture(unsafe: re.Match[str]) -> str:
    code = ord(unsafe[0])
    if code < ord(" "):
        return chr(_CONTROL_PICTURES + code)
    return "\N{SYMBOL FOR DELETE}" if code == _DELETE else "\N{REPLACEMENT CHARACTER}"
