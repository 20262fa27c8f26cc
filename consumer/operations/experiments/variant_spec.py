"""The notation of a variant: `NAME[:WEIGHT][,prompt=…][,model=…][,temperature=…][,max_tokens=…]`. Pure."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from repository.operations.experiment_changes import VARIANT_PATTERN
from schemas.prompt_reference import PROMPT_REFERENCE

HIGHEST_TEMPERATURE: Final = 2.0
FEWEST_TOKENS: Final = 16
MOST_TOKENS: Final = 128_000

_NAME = re.compile(VARIANT_PATTERN)
_PROMPT = re.compile(PROMPT_REFERENCE)


class WrongVariant(Exception):
    """A variant is malformed; the message quotes it with the expected form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSpec:
    """A parsed variant, with prompt and model as names."""

    name: str
    weight: float = 1.0
    prompt: str | None = None
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


def parse_variant(text: str) -> VariantSpec:
    """Read a variant.

    Raises:
        WrongVariant: it is malformed.
    """
    head, *assignments = (part.strip() for part in text.split(","))
    name, colon, weight = head.partition(":")
    if not _NAME.fullmatch(name):
        raise WrongVariant(f"'{name}' is not a valid name of a variant; expected: letters, digits and ._-, at most 32")
    values = _values(text, assignments)
    return VariantSpec(
        name=name,
        weight=_number(text, "weight", weight, _is_weight, "a number above 0") if colon else 1.0,
        prompt=_prompt(text, values),
        model=values.get("model"),
        temperature=_optional(
            text, values, "temperature", _is_temperature, f"a number from 0 to {HIGHEST_TEMPERATURE:g}"
        ),
        max_tokens=_max_tokens(text, values),
    )


_FIELDS: Final = ("prompt", "model", "temperature", "max_tokens")


def _values(text: str, assignments: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for assignment in assignments:
        field, equals, value = (part.strip() for part in assignment.partition("="))
        if field not in _FIELDS or not equals or not value:
            raise WrongVariant(f"'{assignment}' in '{text}' is not understood; expected: {'=, '.join(_FIELDS)}=")
        if not value.isprintable():
            raise WrongVariant(f"{field} of '{text}' is invalid; expected: letters that can be seen")
        if field in values:
            raise WrongVariant(f"'{text}' has {field} twice")
        values[field] = value
    return values


def _prompt(text: str, values: Mapping[str, str]) -> str | None:
    prompt = values.get("prompt")
    if prompt is not None and not _PROMPT.fullmatch(prompt):
        raise WrongVariant(f"prompt of '{text}' is invalid; expected: NAME or NAME:VERSION")
    return prompt


def _max_tokens(text: str, values: Mapping[str, str]) -> int | None:
    wants = f"a whole number from {FEWEST_TOKENS} to {MOST_TOKENS}"
    limit = _optional(text, values, "max_tokens", _is_token_limit, wants)
    return None if limit is None else int(limit)


def _optional(
    text: str, values: Mapping[str, str], field: str, fits: Callable[[float], bool], wants: str
) -> float | None:
    return _number(text, field, values[field], fits, wants) if field in values else None


def _number(text: str, field: str, value: str, fits: Callable[[float], bool], wants: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not fits(number):
        raise WrongVariant(f"{field} of '{text}' is invalid; expected: {wants}")
    return number


def _is_weight(number: float) -> bool:
    return 0 < number < math.inf


def _is_temperature(number: float) -> bool:
    return 0 <= number <= HIGHEST_TEMPERATURE


def _is_token_limit(number: float) -> bool:
    return FEWEST_TOKENS <= number <= MOST_TOKENS and number.is_integer()
