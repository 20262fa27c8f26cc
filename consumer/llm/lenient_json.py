"""Parsing the JSON of a response that was paid for, even if it is malformed, and making it storable."""

import json
import re
from typing import Any

from pydantic_core import from_json, to_json

# An escaped backslash and a whole surrogate pair are matched only to be left unchanged.
_SURROGATE_ESCAPE = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def parsed(body: bytes) -> tuple[Any, str]:
    """Return the JSON of a response, and its text as it can be stored; if it is not JSON, the text alone."""
    try:
        answer, raw = from_json(body, allow_inf_nan=False), body.decode()
    except ValueError:
        return _parsed_leniently(body)
    if rb"\u0000" in body:
        # PostgreSQL refuses NUL; all other responses are kept byte for byte
        answer = storable(answer)
        raw = json.dumps(answer, ensure_ascii=False)
    return answer, raw


def _parsed_leniently(body: bytes) -> tuple[Any, str]:
    """Parse JSON with a byte order mark, lone surrogates, NaN, or bytes that are not UTF-8."""
    text = body.decode("utf-8-sig", "replace")
    if text.startswith("data:"):
        text = _joined_stream(text)
    try:
        answer = storable(from_json(_SURROGATE_ESCAPE.sub(_replaced, text)))
    except ValueError:
        return text, text
    return answer, to_json(answer, inf_nan_mode="null").decode()


def _joined_stream(text: str) -> str:
    """Join a completion that a server streamed although no stream was requested; other text is returned unchanged."""
    lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
    try:
        pieces = [from_json(line) for line in lines if line != "[DONE]"]
        choices = [choice for piece in pieces for choice in piece.get("choices") or () if choice.get("index", 0) == 0]
        content = "".join(choice["delta"].get("content") or "" for choice in choices if "delta" in choice)
        reasons = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
        usages = [piece["usage"] for piece in pieces if piece.get("usage")]
    except (ValueError, TypeError, AttributeError):
        return text
    if not choices or not reasons:
        return text  # it ended early
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": reasons[-1]}
    return json.dumps({**pieces[0], "choices": [choice], "usage": usages[-1] if usages else None})


def _replaced(escape: re.Match[str]) -> str:
    return "" if escape["lone"] else escape[0]


def storable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value without NUL."""
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case list():
            return [storable(item) for item in value]
        case dict():
            return {storable(key): storable(item) for key, item in value.items()}
        case _:
            return value
