"""The tokens of a call, from any known shape of `usage`: unknown is None, never 0.

Known spellings: OpenAI's; `input_tokens` and `output_tokens` (Anthropic's, some gateways'); `prompt_cache_hit_tokens`
(DeepSeek), `cache_read_input_tokens` and `cache_creation_input_tokens` (Anthropic, litellm), `cached_tokens` at the
top (Moonshot); counts as floats or texts; details as a list. Completion tokens without reasoning (Gemini, xAI) are
recognised by a total larger than both counts together.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_TOKENS = 2**31 - 1  # PostgreSQL's INTEGER
# Estimates until the usage is known: Korean takes about one token per two characters, a post about so many tokens.
CHARACTERS_PER_TOKEN = 2
ANSWER_TOKENS = 400
_DECIMAL = re.compile(r"\s*(\d{1,10})(?:\.0*)?\s*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of one call, None if unknown. Tokens read from or written to the cache are prompt tokens, too."""

    prompt: int | None = None
    cached_prompt: int | None = None
    cache_write_prompt: int | None = None
    completion: int | None = None
    total: int | None = None


UNKNOWN = Tokens()


def tokens_of(usage: object) -> Tokens:
    """Return the counts in a `usage` object. Never raises.

    A prompt always has tokens, so 0 prompt tokens means unknown, also for cached ones.
    """
    if not isinstance(usage, Mapping):
        return UNKNOWN
    prompt = _prompt(usage) or None
    completion = _first(usage, "completion_tokens", "output_tokens")
    total = _first(usage, "total_tokens") or None
    if prompt is None:
        return Tokens(completion=completion or None, total=total)
    if total is not None and total > prompt + (completion or 0):
        completion = total - prompt  # what neither count includes is reasoning
    if completion is None:
        return Tokens(prompt=prompt, cached_prompt=_cached(usage), cache_write_prompt=_written(usage))
    return Tokens(
        prompt=prompt,
        cached_prompt=_cached(usage),
        cache_write_prompt=_written(usage),
        completion=completion,
        total=min(prompt + completion, MOST_TOKENS),
    )


def _prompt(usage: Mapping[str, Any]) -> int | None:
    prompt = _first(usage, "prompt_tokens")
    if prompt is not None:
        return prompt
    uncached = _first(usage, "input_tokens")
    if uncached is None or "input_tokens_details" in usage:
        return uncached
    # Anthropic's own count excludes tokens read from or written to the cache
    return min(uncached + _cached(usage) + _written(usage), MOST_TOKENS)


def _cached(usage: Mapping[str, Any]) -> int:
    """Return the tokens read from a cache; 0 if the server does not mention one."""
    cached = _first(_details(usage), "cached_tokens")
    if cached is None:
        cached = _first(usage, "cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens")
    return cached or 0


def _written(usage: Mapping[str, Any]) -> int:
    return _first(_details(usage), "cache_write_tokens") or _first(usage, "cache_creation_input_tokens") or 0


def _details(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in ("prompt_tokens_details", "input_tokens_details"):
        if isinstance(details := usage.get(name), Mapping):
            return details
    return {}


def _first(counts: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        if (count := _count(counts.get(name))) is not None:
            return count
    return None


def _count(value: object) -> int | None:
    """Return a whole number in a column's range, from any spelling."""
    if value is None or type(value) is bool:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    elif isinstance(value, str) and (digits := _DECIMAL.fullmatch(value)):
        value = int(digits[1])
    return value if isinstance(value, int) and 0 <= value <= MOST_TOKENS else None
