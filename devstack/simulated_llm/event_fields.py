"""The event's fields as the prompt delimits them: ``<tone_style>…</tone_style>`` and so on."""

import re
from dataclasses import dataclass

_PRODUCT_END = re.compile(" [\u2014\u2013|-] |[.!?\\n]|: ")
_MAX_PRODUCT_CHARS = 40
_DEFAULT_PRODUCT = "오늘의 신상품"
_DEFAULT_STORE = "저희 매장"


@dataclass(frozen=True, slots=True)
class EventFields:
    """What a post is written from; store details are its address, hours and offers."""

    product: str
    product_text: str
    tone_style: str
    store: str
    store_details: tuple[str, ...]


def read_event_fields(user_text: str) -> EventFields:
    """Find the fields in the user's messages; what is missing gets a neutral stand-in."""
    ad_copy = _field("refined_ad_copy_eng", user_text)
    description = _field("product_description", user_text)
    store, *details = map(str.strip, _field("store_information", user_text).split("·"))
    return EventFields(
        product=_product_name(ad_copy) or _DEFAULT_PRODUCT,
        product_text=f"{ad_copy} {description}".lower(),
        tone_style=_field("tone_style", user_text),
        store=store or _DEFAULT_STORE,
        store_details=tuple(details),
    )


def _field(name: str, text: str) -> str:
    """Return what stands between the tags of a field, or nothing."""
    _, _, after_opening = text.partition(f"<{name}>")
    value, closing, _ = after_opening.partition(f"</{name}>")
    return value.strip() if closing else ""


def _product_name(ad_copy: str) -> str:
    """Take the name before the first break; cut a sentence that has none at a word."""
    name = _PRODUCT_END.split(ad_copy, maxsplit=1)[0].strip()
    if len(name) <= _MAX_PRODUCT_CHARS:
        return name
    return name[:_MAX_PRODUCT_CHARS].rsplit(" ", 1)[0]
