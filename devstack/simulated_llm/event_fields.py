"""The event's fields as the prompt delimits them: ``<tone_style>…</tone_style>`` and so on."""

import re
from typing import NamedTuple

_PRODUCT_END = re.compile(" [\u2014\u2013|-] |[.!?\\n]|: ")
_MAX_NAME_CHARS = 40
_MAX_STORE_DETAILS = 4
_MAX_SCANNED_CHARS = 200
_NO_TAGS_OR_MENTIONS = str.maketrans("#@＃＠", "    ")
_DEFAULT_PRODUCT = "오늘의 신상품"
_DEFAULT_STORE = "저희 매장"


class EventFields(NamedTuple):
    """What a post is written from; store details are its address, hours and offers.

    All but ``product_text`` are short and free of tags and mentions, so that a post made of them keeps within
    Instagram's limits.
    """

    product: str
    product_text: str
    tone_style: str
    store: str
    store_details: tuple[str, ...]


def read_event_fields(user_text: str) -> EventFields:
    """Find the fields in the user's messages; what is missing gets a neutral stand-in."""
    ad_copy = _field("refined_ad_copy_eng", user_text)
    description = _field("product_description", user_text)
    store, *details = map(_short, _field("store_information", user_text).split("·", _MAX_STORE_DETAILS + 1))
    return EventFields(
        product=_short(_PRODUCT_END.split(ad_copy, maxsplit=1)[0]) or _DEFAULT_PRODUCT,
        product_text=f"{ad_copy} {description}".lower(),
        tone_style=_field("tone_style", user_text),
        store=store or _DEFAULT_STORE,
        store_details=tuple(details[:_MAX_STORE_DETAILS]),
    )


def _field(name: str, text: str) -> str:
    """Return what stands between the tags of a field, or nothing."""
    _, _, after_opening = text.partition(f"<{name}>")
    value, closing, _ = after_opening.partition(f"</{name}>")
    return value.strip() if closing else ""


def _short(text: str) -> str:
    """Put a text on one short line, cut at a word where it has to be cut."""
    line = " ".join(text[:_MAX_SCANNED_CHARS].translate(_NO_TAGS_OR_MENTIONS).split())
    return line if len(line) <= _MAX_NAME_CHARS else line[:_MAX_NAME_CHARS].rsplit(" ", 1)[0]
