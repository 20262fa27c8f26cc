"""Texts of others as they may stand in a prompt: readable, with nothing in them that could pass for ours.

Every `<` goes, so no tag of ours and no token such as <|im_start|> can be written; signs nobody
sees go, so none can be hidden in pieces; bracketed tokens such as [INST] lose their brackets.
"""

import re
from typing import Final

_LESS_THAN: Final = ("<", "＜", "﹤")
_REPLACED: Final = (*_LESS_THAN, "[", "［")
_BRACKETED_TOKEN: Final = re.compile(
    r"[\[［]\s*(/?\s*(?:inst|sys|system|system_prompt|available_tools|tool_calls|tool_results|tool_content|"
    r"b_inst|e_inst|b_sys|e_sys|user|assistant))\s*[\]］]",
    re.IGNORECASE,
)
_PICTURE: Final = "\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
# Formats, fillers and selectors of no width. A joiner stays between the parts of an emoji.
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef]"
    f"|(?<![{_PICTURE}])\u200d|\u200d(?![{_PICTURE}])"
)
_PRINTABLE_BUT_UNSEEN: Final = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
_SELECTORS_IN_UTF8: Final = b"\xf3\xa0"  # how U+E0100 and those after it begin; they, too, count as printable


def is_harmless(text: str) -> bool:
    """Return whether `harmless` would leave this text, or several in a row, as they are."""
    return not (any(sign in text for sign in _REPLACED) or _may_hold_unseen(text))


def harmless(text: str) -> str:
    """Make a text of others fit to stand between our tags; what is harmless already stays as it is."""
    if _may_hold_unseen(text):
        text = _UNSEEN.sub("", text)
    for sign in _LESS_THAN:
        text = text.replace(sign, "&lt;")
    if "[" in text or "［" in text:
        text = _BRACKETED_TOKEN.sub(r"(\1)", text)
    return text


def _may_hold_unseen(text: str) -> bool:
    # two quick looks at the whole text; the pattern takes twenty times as long
    if not text.replace("\n", " ").isprintable():
        return True
    if text.isascii():
        return False
    return _SELECTORS_IN_UTF8 in text.encode(errors="replace") or any(sign in text for sign in _PRINTABLE_BUT_UNSEEN)
