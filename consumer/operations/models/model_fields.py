"""The columns of a model's row: types, bounds and descriptions of valid values.

A field's description is the expected value, which help and error messages quote.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from repository.operations.model_changes import ModelChanges

LOWEST_PRICE = Decimal("0.001")
HIGHEST_PRICE = Decimal(1_000)


class WrongModelField(Exception):
    """A value is invalid; the message names the column and the expected value."""


def _plausible(price: Decimal | None) -> Decimal | None:
    """Refuse a price in another unit: per token, per 1,000 tokens, in another currency."""
    if price and not LOWEST_PRICE <= price <= HIGHEST_PRICE:
        raise ValueError(f"prices of 1,000,000 tokens lie between USD {LOWEST_PRICE} and {HIGHEST_PRICE:,}")
    return price


Price = Annotated[
    Decimal | None,
    Field(ge=0, allow_inf_nan=False, description="USD per 1,000,000 tokens, 0 for free"),
    AfterValidator(_plausible),
]


class ModelFields(BaseModel):
    """The columns that people set, with the defaults of a new row."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, protected_namespaces=())

    default_temperature: float | None = Field(None, ge=0, le=2, description="number from 0 to 2")
    max_temperature: float | None = Field(
        None, ge=0, le=2, description="number from 0 to 2: the highest that its endpoint takes"
    )
    default_max_tokens: int | None = Field(
        None, ge=16, le=128_000, description="whole number from 16 to 128000: tokens of an answer"
    )
    prompt_token_cost_per_1m: Price = None
    cached_prompt_token_cost_per_1m: Price = None
    cache_write_prompt_token_cost_per_1m: Price = None
    completion_token_cost_per_1m: Price = None
    token_limit_parameter: Literal["max_completion_tokens", "max_tokens"] = Field(
        "max_completion_tokens", description="max_completion_tokens or max_tokens"
    )
    supports_temperature: bool = Field(default=True, description="true or false: it takes a temperature")
    supports_json_schema: bool = Field(default=True, description="true or false: it takes response_format json_schema")
    supports_store: bool = Field(default=True, description="true or false: its provider keeps completions (store)")
    reasoning_effort: str | None = Field(
        None, pattern=r"^[a-z]{1,20}$", description="none, minimal, low, medium, high, or what else the model knows"
    )
    batch_price_factor: Annotated[
        Decimal, Field(gt=0, le=1, description="number up to 1: what prices are multiplied with in batches and at flex")
    ] = Decimal("0.5")
    supports_flex: bool = Field(default=False, description="true or false: its provider has a flex tier for it")
    shutdown_date: date | None = Field(None, description="its last day, a date such as 2027-01-14")
    description: str | None = Field(None, max_length=2_000, description="text up to 2000 characters")


ENDPOINT_LIMITS: Mapping[str, ModelChanges] = {
    "openai": {},
    "anthropic": {"max_temperature": 1.0, "supports_json_schema": False, "supports_store": False},
    "google": {"supports_store": False},
}
"""Limits of the providers' compatible endpoints, for all models.

Sources: https://docs.anthropic.com/en/api/openai-sdk, https://ai.google.dev/gemini-api/docs/openai.
"""


PROVIDERS = tuple(ENDPOINT_LIMITS)


def read_changes(assignments: Sequence[str]) -> ModelChanges:
    """Parse `COLUMN=VALUE` texts; an empty value clears the column.

    Raises:
        WrongModelField: names every unknown column and invalid value.
    """
    texts = dict(_column_and_value(assignment) for assignment in assignments)
    try:
        read = ModelFields.model_validate({column: text or None for column, text in texts.items()})
    except ValidationError as error:
        raise WrongModelField(_explain(error)) from None
    return read.model_dump(include=set(texts))


def check_together(model: ModelChanges) -> None:
    """Check constraints between columns.

    Raises:
        WrongModelField: two columns contradict each other.
    """
    full, cached = model["prompt_token_cost_per_1m"], model["cached_prompt_token_cost_per_1m"]
    if isinstance(full, Decimal) and isinstance(cached, Decimal) and cached > full:
        raise WrongModelField(
            f"cached_prompt_token_cost_per_1m is invalid ({cached} is more than the full price, {full})"
        )


def _column_and_value(assignment: str) -> tuple[str, str]:
    column, equals, value = assignment.partition("=")
    if not equals:
        raise WrongModelField(f"'{assignment}' must be COLUMN=VALUE")
    return column.strip(), value.strip()


def _explain(error: ValidationError) -> str:
    parts = []
    for problem in error.errors(include_url=False):
        column = str(problem["loc"][0])
        if column in ModelFields.model_fields:
            wants = ModelFields.model_fields[column].description
            # what the library's own checks say is in the description, in better words
            why = f" ({problem['ctx']['error']})" if problem["type"] == "value_error" else ""
            parts.append(f"{column} is invalid{why}; expected: {wants}")
        else:
            parts.append(f"{column} is no column to be set; there are: {', '.join(ModelFields.model_fields)}")
    return " | ".join(parts)
