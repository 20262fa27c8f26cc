"""Reading the completion from a provider's response.

A paid answer is parsed as leniently as possible, because its text was paid for. What is neither a completion nor a
described error is a failed call.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import to_json

from consumer.llm.completion import Completion, Ending, ending_of
from consumer.llm.error_answer import OK, heading_of, is_error, one_line, read_error
from consumer.llm.errors import CallFailed
from consumer.llm.lenient_json import parsed, storable
from consumer.llm.usage import UNKNOWN, Tokens, tokens_of

_THOUGHTS = {"thinking", "reasoning", "redacted_thinking", "thought"}
_USAGE = re.compile(r'"usage"\s*:\s*\{')
_JSON = json.JSONDecoder()
_SHORT = 200  # texts up to this length come from a proxy, not from a model


class ErrorInside(Exception):
    """A response with status 200 that describes an error; `body` is its JSON."""

    def __init__(self, body: object) -> None:
        super().__init__("an error with status 200")
        self.body = body


def read_completion(body: bytes, *, latency_ms: float | None, headers: Mapping[str, str] | None = None) -> Completion:
    """Parse a 200 response, or a kept one, which may also be an error that contains the model's text.

    Raises:
        ErrorInside: it describes an error.
        CallFailed: it is not a chat completion: HTML, a truncated body, no choices.
    """
    answer, raw = parsed(body)
    return completion_of(answer, raw=raw, received=body, latency_ms=latency_ms, headers=headers)


def completion_of(
    answer: object, *, raw: str, received: bytes, latency_ms: float | None, headers: Mapping[str, str] | None = None
) -> Completion:
    """Read the completion from the `parsed` response; `raw` is its text as stored, `received` its bytes.

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
    """Read a page of stored completions: the first one, or None.

    Raises:
        CallFailed: it is not such a page.
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
    """Return the completion from a `draft` that the provider's own check rejected, given its error `body`."""
    raw = json.dumps(storable(body), ensure_ascii=False)
    return _completion(draft, None, "", {}, raw=raw, received=raw.encode(), latency_ms=latency_ms, headers=None)


def tokens_told(body: bytes) -> Tokens:
    """Return the usage in a response that is not a completion; the response may be truncated."""
    # only a complete object counts: in a truncated one a figure may be truncated, too (found by chaos)
    for place in _USAGE.finditer(text := body.decode(errors="replace")):
        try:
            return tokens_of(_JSON.raw_decode(text, place.end() - 1)[0])
        except (ValueError, RecursionError):
            continue
    return UNKNOWN


def _completion_in(
    answer: object, *, raw: str, received: bytes, latency_ms: float | None, headers: Mapping[str, str] | None
) -> Completion | None:
    """Return the completion in a chat completion object; None without a message."""
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
        # zero tokens for a text means that they were not counted
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
    """Return the first choice with a text, else the first with a message."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list):
        return None
    found = [with_message for choice in choices if isinstance(choice, dict) and (with_message := _with_message(choice))]
    return next((choice for choice in found if _content(choice["message"])), found[0] if found else None)


def _with_message(choice: dict[str, Any]) -> dict[str, Any] | None:
    """Return the choice, if it has a message; the legacy API has a text instead."""
    if isinstance(choice.get("message"), dict):
        return choice
    return {**choice, "message": {"content": choice["text"]}} if isinstance(choice.get("text"), str) else None


def _content(message: Mapping[str, Any]) -> str:
    """Return the model's text: of parts their texts, else a tool call's arguments."""
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
    """Return the arguments of tool calls, or of a legacy function call."""
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
    """Return the error that OpenRouter puts into a choice whose generation failed."""
    match answer:
        case {"choices": [{"error": dict() as error}, *_]}:
            return {"error": error}
        case _:
            return None


def _json_text(value: Mapping[str, Any]) -> str:
    return to_json(value, inf_nan_mode="null").decode()


def _described(answer: object) -> str:
    """Describe the response without its texts, which may be a shop's."""
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
            return f"{len(answer):,} characters that are not JSON"
        case _:
            return f"JSON of type {type(answer).__name__}"
