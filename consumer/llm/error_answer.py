"""The error that a provider, gateway or proxy returns in place of a completion, in any known shape.

Known shapes: OpenAI's `{"error": {message, type, param, code}}`; the same in a list (Google); `error` as a text
(Ollama) or beside `type` (Anthropic); `detail` as a text or a list of `loc` and `msg` (FastAPI); `errors`
(Cloudflare); `message` at the top (vLLM, Mistral, Azure's gateway, AWS); the upstream's own body as text inside
`metadata.raw` (OpenRouter); `status` as an object (CLOVA Studio); problem details (RFC 9457);
plain text; a web page.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

MESSAGE_LENGTH = 400
OK = 200
_FAILED = 500
_DEEPEST = 6
_MESSAGE_KEYS = ("message", "msg", "error_description", "error_msg", "errormessage", "faultstring", "detail", "title")
# The most specific first.
_CODE_KEYS = ("code", "type", "status", "reason", "error_code", "errorcode", "__type")
# Upstream's own error, as text or object; other members may contain texts of the request.
_INNER_KEYS = (
    "error",
    "errors",
    "detail",
    "details",
    "innererror",
    "inner_error",
    "fault",
    "metadata",
    "raw",
    "body",
    "message",
    "status",
)
# Their presence alone shows that a filter acted; their values quote the input.
_FILTER_KEYS = {"flagged_input", "content_filter_result", "content_filter_results", "moderation_results"}
_TITLE = re.compile(r"<(title|h1)[^>]*>([^<]{1,200})", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_WORD = re.compile(r"[\w.:-]{1,80}")
_SETTING = re.compile(
    r"\b(max_tokens|max_completion_tokens|max_output_tokens|temperature|top_p|reasoning_effort|response_format|json_schema)\b"
)
_SAYS_NOTHING = {"invalid_request_error"}
FILTERED = "content_filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """One error as described by the server.

    `message` is one line of bounded length; `codes` are all codes, types and statuses in the body, in lower case,
    `named` the first of them as given; `parameter` is the part of the request at fault, if named; `draft` the model's
    unusable text, if returned with the error. `status_is_told` is False for an error with status 200 that names no
    other.
    """

    status: int
    message: str = ""
    named: str = ""
    codes: frozenset[str] = frozenset()
    parameter: str | None = None
    draft: str | None = None
    body: object = None
    status_is_told: bool = True

    @property
    def body_is_json(self) -> bool:
        """Whether it came from an API and not from a web server."""
        return isinstance(self.body, dict | list)

    @property
    def detail(self) -> str:
        """The error in one line, for logs, events and the ledger."""
        return f"HTTP {self.status}{self.named and f' {self.named}'}: {self.message or 'no message'}"


def read_error(status: int, body: object) -> ErrorAnswer:
    """Parse an error's body, JSON or text; never raises.

    Status 200 with an error object counts as the status named in the object, else as 500.
    """
    parsed = _parsed(body)
    if isinstance(parsed, str):
        return ErrorAnswer(status=status, message=one_line(heading_of(parsed)), body=parsed)
    objects = list(_objects(parsed))
    codes = [code for found in objects for code in _codes(found)]
    if any(key in _FILTER_KEYS for found in objects for key in found):
        codes.append(FILTERED)
    inside = _named_status(codes) if status == OK else status
    message = one_line(": ".join(_messages(objects)) or _only_text(parsed))
    return ErrorAnswer(
        status=inside or _FAILED,
        status_is_told=inside is not None,
        message=message,
        named=next((code for code in codes if not code.isdecimal() and code not in _SAYS_NOTHING), ""),
        codes=frozenset(map(str.lower, codes)),
        parameter=next(filter(None, map(_parameter, objects)), None) or _setting_in(message),
        draft=next((draft for found in objects if isinstance(draft := found.get("failed_generation"), str)), None),
        body=parsed,
    )


def is_error(answer: object) -> bool:
    """Return whether a JSON response with status 200 describes an error."""
    return isinstance(answer, dict) and bool(answer.get("error") or answer.get("errors") or answer.get("detail"))


def one_line(text: str) -> str:
    """Return the text on one line, without control characters, cut to a bounded length."""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= MESSAGE_LENGTH else f"{line[: MESSAGE_LENGTH - 1]}…"


def _parsed(body: object) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if not isinstance(body, str):
        return body
    try:
        return from_json(body)
    except ValueError:
        return body


def heading_of(text: str) -> str:
    """Return a web page's title, or its first heading; other text unchanged."""
    if not text.lstrip().startswith("<"):
        return text
    title = _TITLE.search(text)
    return title[2] if title else ""


def _objects(value: object, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Return the objects in which errors are described, the outer before the inner."""
    match value:
        case dict() if depth < _DEEPEST:
            yield value
            for key in _INNER_KEYS:
                if key in value:
                    yield from _objects(value[key], depth + 1)
        case list() if depth < _DEEPEST:
            for item in value[:10]:
                yield from _objects(item, depth + 1)
        case str() if value.lstrip().startswith(("{", "[")) and isinstance(parsed := _parsed(value), dict | list):
            yield from _objects(parsed, depth + 1)
        case _:
            return


def _codes(found: Mapping[str, Any]) -> Iterator[str]:
    named = {name.lower(): value for name, value in found.items()}
    for key in _CODE_KEYS:
        value = named.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool):
            # AWS puts the namespace in front, "com.amazon.coral.service#ThrottlingException"
            code = str(value).rpartition("#")[2]
            if _WORD.fullmatch(code) and code.lower() not in {"error", "none", "null"}:
                yield code
    if isinstance(error := found.get("error"), str) and _WORD.fullmatch(error):
        yield error


def _messages(objects: list[Mapping[str, Any]]) -> list[str]:
    """Return every message once, except those quoted by another one."""
    found = [message for one in objects for message in _messages_of(one)]
    return [
        message
        for index, message in enumerate(found)
        if not any(message in other for other in found[:index])
        and not any(message != other and message in other for other in found[index + 1 :])
    ]


def _messages_of(found: Mapping[str, Any]) -> Iterator[str]:
    place = _place(found)
    for key, value in found.items():
        if not isinstance(value, str) or not value.strip() or isinstance(_parsed(value), dict | list):
            continue
        if key.lower() in _MESSAGE_KEYS or key in ("error", "errors", "fault"):
            yield f"{place}: {value}" if place else value


def _only_text(parsed: object) -> str:
    """Return the text if the response is a JSON string, or a list of one."""
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]
    return parsed if isinstance(parsed, str) else ""


def _place(found: Mapping[str, Any]) -> str:
    """Return the location of FastAPI's and pydantic's errors, "body.temperature"."""
    loc = found.get("loc")
    return ".".join(str(part) for part in loc[:8]) if isinstance(loc, list | tuple) else ""


def _parameter(found: Mapping[str, Any]) -> str | None:
    for key in ("param", "parameter"):
        if isinstance(value := found.get(key), str) and value.strip().lower() not in {"", "none", "null"}:
            return one_line(value)
    place = _place(found)
    return place.removeprefix("body.") if place not in {"", "body"} else None


def _setting_in(message: str) -> str | None:
    """Return the setting that is named only in the message, as Anthropic and Google do."""
    setting = _SETTING.search(message)
    return setting[1] if setting else None


def _named_status(codes: list[str]) -> int | None:
    numbers = [int(code) for code in codes if code.isdecimal() and len(code) == 3]  # noqa: PLR2004 - HTTP's statuses
    return next((number for number in numbers if number >= 400), None)  # noqa: PLR2004 - HTTP's first error
