"""Promises about delivery that cost a shop money: free of charge, or the same day. All texts are folded."""

import re
from typing import Final

from consumer.post.quality.signs import SPACES

_SENT: Final = r"(?:배송|배달|택배|탁송|발송|출고)"
_NOTHING: Final = r"(?:무료|공짜|0\s?원|없이|free)"
_PROMISES: Final = (
    re.compile(
        rf"{_SENT}(?:비|료)(?:는|은|도)?\s?(?:걱정|고민)(?:은|을|도)?\s?(?:하지\s?)?(?:마|말|없|끝)"
        rf"|무료\s?(?:로\s)?(?:전국\s|당일\s|새벽\s|빠른\s)?{_SENT}|{_SENT}(?:비|료)?(?:는|은|가|도|까지)?\s?(?:전액\s|모두\s|전부\s)?{_NOTHING}"
        r"|(?<![가-힣])무배(?:로|예|이|\s|!)|free\s(?:shipping|delivery)|(?:ships|delivered|delivery|shipping)\s(?:is\s|for\s)?free"
    ),
    re.compile(
        rf"(?:당일|새벽|로켓|하루)\s?{_SENT}|오늘\s?(?:바로\s)?(?:발송|출고)|오늘\s바로\s배송|오늘\s?출발|내일\s?(?:바로\s)?도착|same[-\s]day\s(?:shipping|delivery)"
    ),
)
SIGNS: Final = frozenset((
    "배송", "배달", "택배", "탁송", "발송", "출고", "shipping", "delivery", "ships", "delivered",
    "무배", *(f"오늘{space}출발" for space in ("", *SPACES)),
    *(f"내일{space}{word}" for space in ("", *SPACES) for word in ("바로", "도착")),
))  # fmt: skip
"""Without one of them a text promises nothing about delivery."""


def unknown_promises(text: str, source: str) -> list[str]:
    """Find promises of a kind that the source does not make, in whatever words."""
    return [found[0] for promise in _PROMISES if (found := promise.search(text)) and not promise.search(source)]
