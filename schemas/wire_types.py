"""Formats of ids, times and amounts of money in records."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import (
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
)

JSON_SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# Ids are shown in terminals and logs, so they must not contain control or text direction characters.
_UNSAFE: Final = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069"
# Zero-width characters and Hangul fillers are as invisible as a space.
_INVISIBLE: Final = r"\s\u00ad\u115f\u1160\u200b-\u200f\u2060\u3164\ufeff\uffa0"
ID_PATTERN: Final = f"^[^{_UNSAFE}]*$"
METRIC_PATTERN: Final = "^[a-z0-9_]{1,64}$"
VISIBLE_ID_PATTERN: Final = f"^[^{_UNSAFE}]*[^{_UNSAFE}{_INVISIBLE}][^{_UNSAFE}]*$"

_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)")


def rfc3339(moment: datetime) -> str:
    """Format an aware datetime as RFC 3339 in UTC, with `Z`.

    Raises:
        ValueError: `moment` is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive datetime names no instant")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_rfc3339(value: object) -> datetime:
    """Parse an RFC 3339 date-time (section 5.6) to aware UTC; digits beyond microseconds are truncated.

    An aware datetime is accepted, too, so that models can be built in code.

    Raises:
        ValueError: neither of the two, or outside the years 1 to 9999 in UTC.
    """
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        return _in_utc(value.upper())
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    raise ValueError("must be an RFC 3339 date-time with an offset")


def _in_utc(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        # The library's message quotes the text, which may be anything.
        raise ValueError("must be a date and time that exist") from None


def plain_decimal(amount: Decimal) -> str:
    """Format an amount without exponent: `Decimal("1E-7")` is `0.0000001`.

    Raises:
        ValueError: `amount` is infinite or not a number.
    """
    if not amount.is_finite():
        raise ValueError(f"{amount} is not an amount")
    return format(amount, "f")


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
VisibleId = Annotated[str, StringConstraints(pattern=VISIBLE_ID_PATTERN)]

Instant = Annotated[
    datetime,
    PlainValidator(parse_rfc3339),
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

UsdAmount = Annotated[
    Decimal,
    PlainSerializer(plain_decimal, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}),
]


# A field with a fixed value is written like any other, so readers may rely on it.
WRITTEN_IN_FULL: Final = ConfigDict(json_schema_serialization_defaults_required=True)


def published_schema(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """Return the JSON Schema of `adapter`'s output."""
    return {"$schema": JSON_SCHEMA_DIALECT, **adapter.json_schema(mode="serialization")}
