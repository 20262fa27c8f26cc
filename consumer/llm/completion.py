"""A chat completion as the provider sent it, and the little of it that this program reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

from consumer.llm.errors import CallFailed

MOST_TOKENS = 2**31 - 1  # PostgreSQL's INTEGER


@dataclass(frozen=True, slots=True)
class Completion:
    """What one call brought. `raw` and `usage` are JSON texts as received; tokens are the provider's count.

    `headers` are those of the HTTP answer, names in any case.
    `latency_ms` is None for a completion that was looked up later: nobody was there to measure it.
    """

    content: str
    refusal: str | None
    finish_reason: str
    raw: str
    usage: str
    prompt_tokens: int
    cached_prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    latency_ms: float | None
    headers: Mapping[str, str] = field(default_factory=dict)
    cache_write_prompt_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What one call used. Cached ones, and those written to the cache, are prompt tokens too."""

    prompt: int
    cached_prompt: int
    cache_write_prompt: int
    completion: int
    total: int


def read_completion(body: bytes, *, latency_ms: float | None, headers: Mapping[str, str] | None = None) -> Completion:
    """Read a 200 answer.

    Raises:
        CallFailed: it is not a chat completion: HTML, a body cut off, no choices.
    """
    try:
        answer, raw = from_json(body, allow_inf_nan=False), body.decode()
        if rb"\u0000" in body:
            # PostgreSQL refuses NUL; all other answers are kept byte for byte
            answer = _without_nul(answer)
            raw = json.dumps(answer, ensure_ascii=False)
        return completion_of(answer, raw=raw, latency_ms=latency_ms, headers=headers)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        detail = f"the answer is not a chat completion ({type(error).__name__})"
        raise CallFailed(detail, maybe_billed=True) from error


def read_stored(body: bytes) -> Completion | None:
    """Read a page of stored completions: the first, or None when there is none.

    Raises:
        CallFailed: it is no such page.
    """
    try:
        found = _without_nul(from_json(body, allow_inf_nan=False))["data"]
        return completion_of(found[0], raw=json.dumps(found[0], ensure_ascii=False), latency_ms=None) if found else None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CallFailed(f"the answer is not a list of stored completions ({type(error).__name__})") from error


def completion_of(
    answer: Mapping[str, Any], *, raw: str, latency_ms: float | None, headers: Mapping[str, str] | None = None
) -> Completion:
    """The parts that matter of a chat completion object.

    Raises:
        LookupError, TypeError, AttributeError: it is not one.
    """
    choice = answer["choices"][0]
    message = choice["message"]
    usage = answer.get("usage") or {}
    tokens = tokens_of(usage)
    return Completion(
        content=_text(message.get("content")),
        refusal=_text(message.get("refusal")) or None,
        finish_reason=_text(choice.get("finish_reason")),
        raw=raw,
        usage=to_json(usage).decode(),
        prompt_tokens=tokens.prompt,
        cached_prompt_tokens=tokens.cached_prompt,
        completion_tokens=tokens.completion,
        total_tokens=tokens.total,
        latency_ms=latency_ms,
        headers=headers or {},
        cache_write_prompt_tokens=tokens.cache_write_prompt,
    )


def tokens_of(usage: Mapping[str, Any]) -> Tokens:
    """The counts of a `usage` object; one that is missing is zero.

    Raises:
        AttributeError: it is not one.
    """
    details = usage.get("prompt_tokens_details") or {}
    return Tokens(
        prompt=_count(usage.get("prompt_tokens")),
        cached_prompt=_count(details.get("cached_tokens")),
        cache_write_prompt=_count(details.get("cache_write_tokens")),
        completion=_count(usage.get("completion_tokens")),
        total=_count(usage.get("total_tokens")),
    )


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError("not a text")
    return value or ""


def _count(value: object) -> int:
    """A figure that cannot be read, or that no column holds, is no reason to throw a paid answer away."""
    return value if isinstance(value, int) and 0 < value <= MOST_TOKENS else 0


def _without_nul(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case list():
            return [_without_nul(item) for item in value]
        case dict():
            return {_without_nul(key): _without_nul(item) for key, item in value.items()}
        case _:
            return value
