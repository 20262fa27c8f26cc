from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.operations.models.model_fields import (
    ENDPOINT_LIMITS,
    HIGHEST_PRICE,
    LOWEST_PRICE,
    ModelFields,
    WrongModelField,
    check_together,
    read_changes,
)

PRICES = ("prompt_token_cost_per_1m", "cached_prompt_token_cost_per_1m", "completion_token_cost_per_1m")


def test_values_are_read_as_their_columns_have_them() -> None:
    changes = read_changes(
        [
            "prompt_token_cost_per_1m=0.150",
            "shutdown_date=2027-01-14",
            "supports_json_schema=false",
            "description= a=b ",
        ]
    )

    assert changes == {
        "prompt_token_cost_per_1m": Decimal("0.150"),
        "shutdown_date": date(2027, 1, 14),
        "supports_json_schema": False,
        "description": "a=b",
    }


def test_an_empty_value_empties_the_column_and_others_are_not_touched() -> None:
    assert read_changes(["shutdown_date="]) == {"shutdown_date": None}


@given(st.sampled_from(PRICES), st.decimals(LOWEST_PRICE, HIGHEST_PRICE, places=6))
def test_a_plausible_price_keeps_every_digit(column: str, price: Decimal) -> None:
    assert str(read_changes([f"{column}={price}"])[column]) == str(price)


@pytest.mark.parametrize("column", PRICES)
@pytest.mark.parametrize("price", ["-0.1", "free", "NaN", "Infinity", "0.00000015", "0.00015", "150000", "0,15"])
def test_a_price_that_cannot_be_is_refused_with_what_is_wanted(column: str, price: str) -> None:
    with pytest.raises(WrongModelField, match=rf"{column} is invalid.*; expected: USD per 1,000,000 tokens") as told:
        read_changes([f"{column}={price}"])
    assert "Input should" not in str(told.value)


def test_a_free_model_is_no_wrong_price() -> None:
    assert read_changes([f"{PRICES[0]}=0"]) == {PRICES[0]: Decimal(0)}


def test_every_wrong_column_is_named_at_once() -> None:
    with pytest.raises(WrongModelField) as refused:
        read_changes(["colour=red", "default_temperature=3", "shutdown_date=soon"])

    for complaint in ("colour is no column", "default_temperature is invalid", "shutdown_date is invalid"):
        assert complaint in str(refused.value)


@pytest.mark.parametrize("column", ["supports_store", "token_limit_parameter"])
def test_a_column_that_must_not_be_empty_is_not_emptied(column: str) -> None:
    with pytest.raises(WrongModelField, match=column):
        read_changes([f"{column}="])


def test_what_is_no_assignment_says_what_one_looks_like() -> None:
    with pytest.raises(WrongModelField, match="COLUMN=VALUE"):
        read_changes(["0.15"])


def test_a_cached_price_above_the_full_one_is_refused() -> None:
    with pytest.raises(WrongModelField, match=r"cached_prompt_token_cost_per_1m is invalid \(0.2 is more than"):
        check_together({PRICES[0]: Decimal("0.15"), PRICES[1]: Decimal("0.2")})


@pytest.mark.parametrize("provider", ENDPOINT_LIMITS)
def test_what_is_said_of_endpoints_fits_the_columns(provider: str) -> None:
    ModelFields.model_validate(ENDPOINT_LIMITS[provider])
