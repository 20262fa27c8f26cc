"""Descriptions of invalid fields that never repeat the value."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from schemas.wire_types import ID_PATTERN, METRIC_PATTERN, VISIBLE_ID_PATTERN

_MAX_PROBLEM_CHARS: Final = 100

_WORDS: Final[Mapping[str, str]] = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must not contain NUL or an unpaired surrogate",
    "uuid_type": "must be a UUID",
    "uuid_parsing": "must be a UUID",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}
_PATTERN_WORDS: Final[Mapping[str, str]] = {
    ID_PATTERN: "must not contain control, line break or text direction characters, or an unpaired surrogate",
    METRIC_PATTERN: "must be 1 to 64 of a-z, 0-9 and _",
    VISIBLE_ID_PATTERN: "must be visible, without control, line break or text direction characters or surrogates",
}


class FieldProblem(NamedTuple):
    """One invalid field and what it must be; `value` stands for the record's value itself."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field} {self.problem}"


def problems_of(error: ValidationError, *, prefix: str = "") -> tuple[FieldProblem, ...]:
    """Name every field that failed validation; `prefix` is put before each name."""
    return tuple(
        FieldProblem(prefix + ".".join(map(str, line["loc"])), _in_words(line))
        for line in error.errors(include_url=False, include_input=False)
    )


def _in_words(line: Mapping[str, Any]) -> str:
    words = _PATTERN_WORDS.get(line.get("ctx", {}).get("pattern")) or _WORDS.get(line["type"])
    text: str = words.format(**line.get("ctx", {})) if words else line["msg"]
    return text[:_MAX_PROBLEM_CHARS]
