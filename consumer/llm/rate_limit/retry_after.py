"""How long a provider asks to wait before the next try."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 3_600.0

_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait, from 0 to an hour; None when no header says anything sensible. Never raises.

    `retry-after-ms`, the more exact, goes before `Retry-After`, which is a number of seconds or an HTTP
    date. A date in the past means now. A longer wait is cut to an hour: it is meant (a day's limit is
    used up), but the limit may be raised meanwhile. Nonsense, a negative number among it, is ignored.

    `headers` is a mapping that ignores case, or has lower-case names; `now` is aware.

    Source: RFC 9110, sections 10.2.3 and 5.6.7.
    """
    wait_s = _number(headers.get("retry-after-ms", ""))
    if wait_s is not None:
        return min(wait_s / 1_000, MAX_RETRY_AFTER_S)
    text = headers.get("retry-after", "")
    wait_s = _number(text)
    if wait_s is None:
        wait_s = _seconds_until(text, now)
    return None if wait_s is None else min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def _seconds_until(http_date: str, now: datetime) -> float | None:
    try:
        date = parsedate_to_datetime(http_date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if date.tzinfo is None:  # an HTTP date is in GMT, also where its form has no room to say so
        date = date.replace(tzinfo=UTC)
    return (date - now).total_seconds()
