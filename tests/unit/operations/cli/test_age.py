from datetime import timedelta

import pytest
import typer

from consumer.operations.cli.age import parse_age


@pytest.mark.parametrize(
    ("text", "age"), [("12h", timedelta(hours=12)), ("90d", timedelta(days=90)), ("8w", timedelta(weeks=8))]
)
def test_an_age_is_a_number_and_a_unit(text: str, age: timedelta) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5d", "90 d", "3m", "٣d", "999999w"])
def test_what_is_no_age_says_what_is_wanted(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="12h, 90d or 8w"):
        parse_age(text)
