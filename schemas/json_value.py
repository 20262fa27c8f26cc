"""Parsing a record's value as a JSON object, with a single reason if it is not one."""

import base64
import binascii
import re
from typing import Any, Final

from pydantic_core import from_json

from schemas.field_problems import FieldProblem
from schemas.framing import framing_of

# An escaped backslash and a whole surrogate pair are matched only to be left unchanged.
_SURROGATE_ESCAPE: Final = re.compile(
    rb"\\\\"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def json_document(value: bytes | None, *, max_bytes: int, name: str = "value") -> Any:  # noqa: ANN401 - any JSON value
    """Parse `value`, after checking its size; a `FieldProblem` for `name` says why that is impossible.

    The last of repeated keys counts, as in Python and JavaScript. NaN and Infinity, which RFC 8259 lacks, are
    accepted: as a field they fail its type, elsewhere they are ignored.
    """
    if problem := size_problem(value, max_bytes=max_bytes):
        return FieldProblem(name, problem)
    try:
        return _parse(value or b"")
    except ValueError as error:
        return FieldProblem(name, _why_not_json(value or b"", error))


def json_object(value: bytes | None, *, max_bytes: int, name: str = "value") -> dict[str, Any] | FieldProblem:
    """Parse `value` like `json_document`, and accept only an object."""
    document = json_document(value, max_bytes=max_bytes, name=name)
    if isinstance(document, dict | FieldProblem):
        return document
    return FieldProblem(name, "must be a JSON object")


def embedded_object(content: object, *, name: str) -> dict[str, Any] | FieldProblem:
    """Return an object embedded in another document, possibly encoded as JSON text or bytes.

    A `FieldProblem` is passed on, so that a parser of `content` can report its own.
    """
    if isinstance(content, dict | FieldProblem):
        return content
    encoded = content.encode() if isinstance(content, str) else content
    if isinstance(encoded, bytes) and (encoded is content or encoded.lstrip().startswith(b"{")):
        return json_object(encoded, max_bytes=len(encoded), name=name)
    framing = framing_of(encoded) if isinstance(encoded, bytes) else None
    return FieldProblem(name, framing or "must be a JSON object")


def decoded_base64(encoded: object, *, name: str) -> bytes | FieldProblem:
    """Return the bytes of a Base64 member of a JSON document."""
    try:
        if isinstance(encoded, str):
            return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        pass
    return FieldProblem(name, "must be a Base64 string")


def size_problem(value: bytes | None, *, max_bytes: int) -> str | None:
    """Return what is wrong with the length of `value` in bytes, if anything."""
    if not value:
        return "is empty (a tombstone or a blank line)"
    if len(value) > max_bytes:
        return f"has {len(value)} bytes, more than the {max_bytes} allowed"
    return None


def _parse(value: bytes) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return from_json(value)
    except ValueError:
        # The parser fails on an unpaired surrogate without naming the field. Replaced by
        # NUL, which no text field may contain, it is refused in its field.
        return from_json(_SURROGATE_ESCAPE.sub(_lone_as_nul, value))


def _lone_as_nul(escape: re.Match[bytes]) -> bytes:
    return rb"\u0000" if escape["lone"] else escape[0]


def _why_not_json(value: bytes, error: ValueError) -> str:
    if framing := framing_of(value):
        return framing
    try:
        value.decode()
    except UnicodeDecodeError as undecodable:
        return f"is not UTF-8 (byte {undecodable.start})"
    return f"is not JSON: {error}"
