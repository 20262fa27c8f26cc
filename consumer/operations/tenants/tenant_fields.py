"""The columns of a tenant's row: types, bounds and descriptions of valid values.

A field's description is the expected value, which help and error messages quote.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from repository.operations.tenant_changes import DEFAULT_TIMEZONE, TenantChanges
from schemas.delivery import RequestedDelivery
from schemas.quality import SECTORS, Sector

NONE = "none"
"""How people write that a column is to have no value."""


class WrongTenantField(Exception):
    """A value is invalid; the message names the option and the expected value."""


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known(timezone: str) -> str:
    if timezone not in _timezones():
        raise ValueError("unknown time zone")
    return timezone


def _on_one_line(text: str | None) -> str | None:
    """Refuse what is not a single readable line of a caption."""
    if text is not None and not text.isprintable():
        raise ValueError("a character that cannot be printed")
    return text


class TenantFields(BaseModel):
    """The columns that people set, with the defaults of a tenant without a row."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    weight: float = Field(1.0, ge=0.01, le=1_000, description="number from 0.01 to 1000: its share while others wait")
    max_in_flight: int | None = Field(
        None, ge=1, le=10_000, description="whole number from 1 to 10000: its calls at once in a process; or none"
    )
    delivery: RequestedDelivery | None = Field(None, description="live or batch, where an event does not say; or none")
    timezone: Annotated[str, AfterValidator(_known)] = Field(
        DEFAULT_TIMEZONE, description="a name of the tz database, such as Asia/Seoul"
    )
    disclosure: Annotated[str | None, AfterValidator(_on_one_line)] = Field(
        None, min_length=1, max_length=200, description="one line of up to 200 characters, such as #광고; or none"
    )
    sector: Sector = Field("none", description=", ".join(SECTORS))


_MAY_BE_EMPTY = {"max_in_flight", "delivery", "disclosure"}


def read_tenant_changes(texts: Mapping[str, str]) -> TenantChanges:
    """Parse these texts; `none` or an empty text clears an optional column.

    Raises:
        WrongTenantField: names every option with an invalid value.
    """
    values = {column: _value(column, text) for column, text in texts.items()}
    try:
        return TenantFields.model_validate(values).model_dump(include=set(texts))
    except ValidationError as error:
        raise WrongTenantField(" | ".join(map(_explain, error.errors(include_url=False)))) from None


def option_of(column: str) -> str:
    """Return the name of the option that sets a column."""
    return f"--{column.replace('_', '-')}"


def wanted_by(column: str) -> str:
    """Return the expected value of a column."""
    return str(TenantFields.model_fields[column].description)


def _value(column: str, text: str) -> str | None:
    return None if column in _MAY_BE_EMPTY and text.strip() in {"", NONE} else text


def _explain(problem: ErrorDetails) -> str:
    column = str(problem["loc"][0])
    why = f" ({problem['ctx']['error']})" if problem["type"] == "value_error" else ""
    return f"{option_of(column)} is invalid{why}; expected: {wanted_by(column)}"
