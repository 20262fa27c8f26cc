"""The rate limits in the `x-ratelimit-*` headers of a response.

Source: https://platform.openai.com/docs/guides/rate-limits (the project's headers since 2026-06). Compatible
providers send them too, in part or with other units; nonsensical values are ignored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

_COUNT = re.compile(r"\d{1,15}", re.ASCII)  # more digits are not a limit, and not an exact float
_NUMBER = r"\d{1,15}(?:\.\d{0,15})?"
_DURATION = re.compile(rf"(?:{_NUMBER}(?:h|ms|m|s|us|µs|μs|ns))+", re.ASCII)
_PART = re.compile(rf"({_NUMBER})([a-zµμ]+)", re.ASCII)
_SECONDS = re.compile(_NUMBER, re.ASCII)
_UNIT_S = {"h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit: its size, what remains of it (never more), and when it is fully replenished."""

    limit: int
    remaining: int | None = None
    reset_s: float | None = None


Unit = Literal["requests", "tokens", "project-tokens"]
UNITS: tuple[Unit, ...] = get_args(Unit)


def read_rate_headers(headers: Mapping[str, str]) -> dict[Unit, Quota]:
    """Return the limits in a response's headers. `headers` ignores case, or has lower-case names. Never raises."""
    return {unit: quota for unit in UNITS if (quota := _quota(headers, unit))}


def duration_s(text: str) -> float | None:
    """Return the seconds in a Go duration ("6m0s", "1.5s", "20ms"); None if invalid or negative.

    A number without a unit counts as seconds, as Azure sends them.

    Source: https://pkg.go.dev/time#ParseDuration
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if _SECONDS.fullmatch(text):
        return float(text)
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))
    return None


def _quota(headers: Mapping[str, str], unit: Unit) -> Quota | None:
    limit = _count(headers.get(f"x-ratelimit-limit-{unit}"))
    if not limit:
        return None
    remaining = _count(headers.get(f"x-ratelimit-remaining-{unit}"))
    return Quota(
        limit,
        None if remaining is None else min(remaining, limit),
        duration_s(headers.get(f"x-ratelimit-reset-{unit}", "")),
    )


def _count(text: str | None) -> int | None:
    # stripped for both: int() does not accept all that strip() treats as white space
    digits = (text or "").strip()
    return int(digits) if _COUNT.fullmatch(digits) else None
