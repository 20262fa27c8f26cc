"""Reading the completion out of what a provider sent.

A paid answer is read as generously as can be: whatever server wrote it, its text is worth money. What is neither a
completion nor an error that is told is a failed call.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json, to_json

from consumer.llm.completion import Completion, Ending, ending_of
from consumer.llm.error_answer import OK, heading_of, is_error, one_line, read_error
from consumer.llm.errors import CallFailed
from consumer.llm.usage import UNKNOWN, Tokens, tokens_of

# An escaped backslash and a whole surrogate pair are matched only to be left as they are.
_SURROGATE_ESCAPE = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_THOUGHTS = {"thinking", "reasoning", "redacted_thinking", "thought"}
_USAGE = re.compile(r'"usage"\s*:\s*\{')
_JSON = json.JSONDecoder()
_SHORT = 200  # so long is what a proxy says, not what a model wrote


class ErrorInside(Exception):
    """An answer with status 200 that describes an error; `body` is its JSON."""

    def __init__(self, body: object) -> None:
        super().__init__("an error with status 200")
        self.body = body


def read_completion(body: bytes, *, latency_ms: float | None, headers: Mapping[str, str] | None = None) -> Completion:
    """Read a 200 answer, or one that was kept: then also an error that hands over what the model wrote.

    Raises:
        ErrorInside: it is an error all the same.
        CallFailed: it is not a chat completion: HTML, a body cut off, no choices.
    """
    answer, raw = parsed(body)
    return completion_of(answer, raw=raw, received=body, latency_ms=latency_ms, headers=headers)


def completion_of(
    answer: object, *, raw: str, received: bytes, latency_ms: float | None, headers: Mapping[str, str] | None = None
) -> Completion:
    """Read an answer that is `parsed`; `raw` is its text as it is stored, `received` its bytes.

    Raises:
        ErrorInside, CallFailed: as `read_completion` does.
    """
    completion = _completion_in(answer, raw=raw, received=received, latency_ms=latency_ms, headers=headers)
    if completion is not None:
        return completion
    if (draft := read_error(OK, answer).draft) is not None:
        return completion_of_draft(draft, answer, latency_ms=latency_ms)
    if error := answer if is_error(answer) else _error_in_choice(answer):
        raise ErrorInside(error)
    raise CallFailed(f"the answer is not a chat completion: {_described(answer)}", maybe_billed=True)


def read_stored(body: bytes) -> Completion | None:
    """Read a page of stored completions: the first, or None when there is none.

    Raises:
        CallFailed: it is no such page.
    """
    page, _ = parsed(body)
    found = page.get("data") if isinstance(page, dict) else None
    if found == []:
        return None
    if isinstance(found, list):
        raw = json.dumps(found[0], ensure_ascii=False)
        if completion := _completion_in(found[0], raw=raw, received=raw.encode(), latency_ms=None, headers=None):
            return completion
    raise CallFailed(f"the answer is not a list of stored completions: {_described(page)}")


def completion_of_draft(draft: str, body: object, *, latency_ms: float | None) -> Completion:
    """Return the completion whose `draft` a provider's own check kept back and handed over with its error `body`."""
    raw = json.dumps(_storable(body), ensure_ascii=False)
    return _completion(draft, None, "", {}, raw=raw, received=raw.encode(), latency_ms=latency_ms, headers=None)


def tokens_told(body: bytes) -> Tokens:
    """Return what the `usage` of an answer that is no completion tells; the answer may be cut off."""
    # only a whole object counts: of one that is cut off a figure may be cut off, too (found by chaos)
    for place in _USAGE.finditer(text := body.decode(errors="replace")):
        try:
            return tokens_of(_JSON.raw_decode(text, place.end() - 1)[0])
        except (ValueError, RecursionError):
            continue
    return UNKNOWN


def _completion_in(
    answer: object, *, raw: str, received: bytes, latency_ms: float | None, headers: Mapping[str, str] | None
) -> Completion | None:
    """Return the parts that matter of a chat completion object; None where there is no message in it."""
    choice = _choice(answer)
    if not isinstance(answer, dict) or choice is None:
        return None
    message = choice["message"]
    content = _content(message)
    finish_reason = choice.get("finish_reason") or choice.get("finishReason") or choice.get("stop_reason")
    reason = finish_reason if isinstance(finish_reason, str) else ""
    if not content and ending_of(reason) is Ending.FAILED:
        return None
    usage, tier = answer.get("usage"), answer.get("service_tier")
    return _completion(
        content,
        _refusal(message),
        reason,
        usage if isinstance(usage, dict) else {},
        raw=raw,
        received=received,
        latency_ms=latency_ms,
        headers=headers,
        service_tier=tier if isinstance(tier, str) else None,
    )


def _completion(  # noqa: PLR0913 - the parts of an answer
    content: str,
    refusal: str | None,
    finish_reason: str,
    usage: Mapping[str, Any],
    *,
    raw: str,
    received: bytes,
    latency_ms: float | None,
    headers: Mapping[str, str] | None,
    service_tier: str | None = None,
) -> Completion:
    tokens = tokens_of(usage)
    if content and tokens.completion == 0:
        # a text of no tokens is a count that nobody made
        tokens = Tokens(prompt=tokens.prompt, cached_prompt=tokens.cached_prompt)
    return Completion(
        content=content,
        refusal=refusal,
        finish_reason=finish_reason,
        raw=raw,
        usage=to_json(usage, inf_nan_mode="null").decode(),
        prompt_tokens=tokens.prompt,
        cached_prompt_tokens=tokens.cached_prompt,
        completion_tokens=tokens.completion,
        total_tokens=tokens.total,
        latency_ms=latency_ms,
        received=received,
        headers=headers or {},
        cache_write_prompt_tokens=tokens.cache_write_prompt,
        service_tier=service_tier,
    )


def _choice(answer: object) -> dict[str, Any] | None:
    """Return the first choice that holds a text, else the first that holds a message at all."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list):
        return None
    found = [with_message for choice in choices if isinstance(choice, dict) and (with_message := _with_message(choice))]
    return next((choice for choice in found if _content(choice["message"])), found[0] if found else None)


def _with_message(choice: dict[str, Any]) -> dict[str, Any] | None:
    """Return the choice, if there is a message in it; the older interface puts a text in its place."""
    if isinstance(choice.get("message"), dict):
        return choice
    return {**choice, "message": {"content": choice["text"]}} if isinstance(choice.get("text"), str) else None


def _content(message: Mapping[str, Any]) -> str:
    """Return what the model says, as a text: of parts the texts, else a tool call's arguments."""
    content = message.get("content")
    if isinstance(content, str) and content:
        return content
    if isinstance(content, dict):
        return _json_text(content)
    if isinstance(content, list) and (text := "".join(_texts(content))):
        return text
    if isinstance(parsed := message.get("parsed"), dict):
        return _json_text(parsed)
    return "\n".join(_arguments(message))


def _texts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        match part:
            case str():
                yield part
            case {"type": str(kind)} if kind in _THOUGHTS:
                pass
            case {"text": str(text)} | {"text": {"value": str(text)}} | {"content": str(text)}:
                yield text
            case {"type": "json" | "output_json", "json": dict(value)} | {"type": "tool_use", "input": dict(value)}:
                yield _json_text(value)


def _arguments(message: Mapping[str, Any]) -> Iterator[str]:
    """Return the arguments of its tool calls, or of the function call that was their predecessor."""
    calls = message.get("tool_calls")
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    for function in functions or [message.get("function_call")]:
        match function:
            case {"arguments": str(arguments)}:
                yield arguments
            case {"arguments": dict(arguments)}:
                yield _json_text(arguments)


def _refusal(message: Mapping[str, Any]) -> str | None:
    refusal = message.get("refusal")
    if isinstance(refusal, str):
        return refusal or None
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    said = [part["refusal"] for part in parts if isinstance(part, dict) and isinstance(part.get("refusal"), str)]
    return "".join(said) or None


def _error_in_choice(answer: object) -> object:
    """Return what OpenRouter puts into a choice whose generation broke off."""
    match answer:
        case {"choices": [{"error": dict() as error}, *_]}:
            return {"error": error}
        case _:
            return None


def parsed(body: bytes) -> tuple[Any, str]:
    """Return the JSON of an answer, and its text as it can be stored; where it is no JSON, the text alone."""
    try:
        answer, raw = from_json(body, allow_inf_nan=False), body.decode()
    except ValueError:
        return _parsed_generously(body)
    if rb"\u0000" in body:
        # PostgreSQL refuses NUL; all other answers are kept byte for byte
        answer = _storable(answer)
        raw = json.dumps(answer, ensure_ascii=False)
    return answer, raw


def _parsed_generously(body: bytes) -> tuple[Any, str]:
    """Parse JSON with a byte order mark, half a surrogate pair, NaN, or bytes that are no UTF-8."""
    text = body.decode("utf-8-sig", "replace")
    if text.startswith("data:"):
        text = _joined_stream(text)
    try:
        answer = _storable(from_json(_SURROGATE_ESCAPE.sub(_replaced, text)))
    except ValueError:
        return text, text
    return answer, to_json(answer, inf_nan_mode="null").decode()


def _joined_stream(text: str) -> str:
    """Return the completion that a server sent in pieces although nobody asked for a stream; else the text as it is."""
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
        return text  # it broke off
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": reasons[-1]}
    return json.dumps({**pieces[0], "choices": [choice], "usage": usages[-1] if usages else None})


def _replaced(escape: re.Match[str]) -> str:
    return "" if escape["lone"] else escape[0]


def _storable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value without NUL."""
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case list():
            return [_storable(item) for item in value]
        case dict():
            return {_storable(key): _storable(item) for key, item in value.items()}
        case _:
            return value


def _json_text(value: Mapping[str, Any]) -> str:
    return to_json(value, inf_nan_mode="null").decode()


def _described(answer: object) -> str:
    """Describe what came instead, without its texts: they may be those of a shop."""
    match answer:
        case dict():
            return one_line(f"an object with {', '.join(sorted(map(str, answer))[:12]) or 'nothing in it'}")
        case str() if not answer.strip():
            return "an empty body"
        case str() if answer.lstrip().startswith("<"):
            return one_line(f"a web page, {heading_of(answer)!r}")
        case str() if len(answer) <= _SHORT and not answer.lstrip().startswith(("{", "[", '"')):
            return one_line(f"the text {answer!r}")
        case str():
            return f"{len(answer):,} characters that are no JSON"
        case _:
            return f"JSON of type {type(answer).__name__}"
