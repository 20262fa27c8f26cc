"""How long a provider asks to wait: in headers, in the body, or in its message."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from consumer.llm.rate_limit.headers import duration_s

MAX_RETRY_AFTER_S = 3_600.0

_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_DELAY_KEYS: Final = {"retrydelay", "retry_delay", "retry_after", "retryafter", "retry-after", "estimated_time"}
_DELAY_MS_KEYS: Final = {"retry_after_ms", "retryafterms", "retry-after-ms"}
# As in: please try again in 1m30.5s; please retry after 20 seconds; retry in 34.07s; replenished in 01:20:00.
_ASKED = re.compile(
    r"(?:again|retry|wait|replenished|available|reset\w*)(?: again)? ?(?:in|after|for)? ", re.IGNORECASE
)
_UNIT = r"(?:milliseconds?|ms|minutes?|mins?|m|seconds?|secs?|s|hours?|hrs?|h|days?|d)(?![a-z])"
_SPAN = re.compile(
    rf"(?P<clock>\d{{1,3}}:\d\d:\d\d)|(?P<spans>(?:\d{{1,15}}(?:\.\d{{1,15}})? ?{_UNIT}[, ]*(?:and )?)+)", re.IGNORECASE
)
_PART = re.compile(r"(\d{1,15}(?:\.\d{1,15})?) ?([a-z]+)", re.IGNORECASE)
_UNIT_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_REMAINING = re.compile(r"ratelimit\b.*\bremaining", re.IGNORECASE)  # "x-ratelimit-remaining-tokens", Anthropic's
# A time in seconds since 1970 and one in milliseconds are told from a wait by their size.
_EPOCH_S, _EPOCH_MS = 1e9, 1e12
_LONGEST_TEXT = 4_000
_DEEPEST = 6


def retry_after_s(headers: Mapping[str, str], now: datetime, *, body: object = None, message: str = "") -> float | None:
    """Return the seconds to wait, from 0 to an hour; None if nothing valid is found. Never raises.

    The first one found counts: `retry-after-ms`, the more exact; `Retry-After`, a number of seconds or an HTTP date;
    `retryDelay` or `retry_after` anywhere in the JSON `body` (Google's RetryInfo); "try again in 5.12s" in the
    `message`; the reset of a limit that is used up according to the headers. A date in the past means now. A longer
    wait is cut to an hour: it may be meant (a daily limit), but the limit may be raised meanwhile. Invalid values,
    including negative numbers, are ignored.

    `headers` is a mapping that ignores case, or has lower-case names; `now` is aware.

    Sources: RFC 9110, sections 10.2.3 and 5.6.7; google.rpc.RetryInfo; the providers' pages on rate limits.
    """
    found = (_header_s(headers, now), _body_s(body), _words_s(message), _reset_s(headers, now))
    wait_s = next((seconds for seconds in found if seconds is not None), None)
    return None if wait_s is None else min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def _header_s(headers: Mapping[str, str], now: datetime) -> float | None:
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if (wait_ms := _number(headers.get(name, ""))) is not None:
            return wait_ms / 1_000
    text = headers.get("retry-after", "")
    wait_s = _number(text)
    return _seconds_until(text, now) if wait_s is None else wait_s


def _number(text: str) -> float | None:
    number = text.strip()  # float() does not accept all that strip() treats as white space
    return float(number) if _NUMBER.fullmatch(number) else None


def _seconds_until(http_date: str, now: datetime) -> float | None:
    try:
        date = parsedate_to_datetime(http_date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if date.tzinfo is None:  # an HTTP date is in GMT, even in forms that do not say so
        date = date.replace(tzinfo=UTC)
    return (date - now).total_seconds()


def _body_s(body: object) -> float | None:
    return next((seconds for seconds in _delays(body) if seconds is not None), None)


def _delays(value: object, depth: int = 0) -> Iterator[float | None]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            name = str(key).lower()
            if name in _DELAY_KEYS:
                yield _delay(item)
            elif name in _DELAY_MS_KEYS and (wait_ms := _delay(item)) is not None:
                yield wait_ms / 1_000
            else:
                yield from _delays(item, depth + 1)
    elif isinstance(value, list):
        for item in value[:20]:
            yield from _delays(item, depth + 1)


def _delay(value: object) -> float | None:
    """Read a protobuf Duration ("6.5s", or {"seconds": 6, "nanos": 500000000}), or a number of seconds."""
    match value:
        case bool():
            return None
        case int() | float() if 0 <= value < _EPOCH_S:
            return float(value)
        case str():
            return duration_s(value)
        case {"seconds": int() | str() as seconds, **rest}:
            nanos = rest.get("nanos", 0)
            whole = _number(str(seconds))
            return None if whole is None or not isinstance(nanos, int) else whole + nanos / 1e9
        case _:
            return None


def _words_s(message: str) -> float | None:
    text = message[:_LONGEST_TEXT]
    for asked in _ASKED.finditer(text):
        if span := _SPAN.match(text, asked.end()):
            return _clock_s(span["clock"]) if span["clock"] else _spans_s(span["spans"])
    return None


def _clock_s(clock: str) -> float:
    hours, minutes, seconds = map(int, clock.split(":"))
    return hours * _UNIT_S["h"] + minutes * _UNIT_S["m"] + seconds


def _spans_s(spans: str) -> float:
    return sum(float(number) * _unit_s(unit.lower()) for number, unit in _PART.findall(spans))


def _unit_s(unit: str) -> float:
    return _UNIT_S["ms"] if unit.startswith(("ms", "milli")) else _UNIT_S[unit[0]]


def _reset_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return when the used-up limits are replenished; the latest of them."""
    used_up = [name.lower() for name, value in headers.items() if _REMAINING.search(name) and value.strip() == "0"]
    resets = (_moment_s(headers.get(name.replace("remaining", "reset"), ""), now) for name in used_up)
    return max((reset_s for reset_s in resets if reset_s is not None), default=None)


def _moment_s(text: str, now: datetime) -> float | None:
    """Read a wait ("6m0s", "20") or a moment (RFC 3339, seconds or milliseconds since 1970) as seconds from now."""
    wait_s = duration_s(text)
    if wait_s is None:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            return None
        return (moment - now).total_seconds() if moment.tzinfo else None
    if wait_s >= _EPOCH_MS:
        return wait_s / 1_000 - now.timestamp()
    return wait_s - now.timestamp() if wait_s >= _EPOCH_S else wait_s
