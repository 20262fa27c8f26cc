import pytest

from consumer.operations.tenants.tenant_fields import TenantFields, WrongTenantField, read_tenant_changes


def test_only_what_is_given_is_changed() -> None:
    assert read_tenant_changes({"weight": "3", "timezone": "Europe/Berlin"}) == {
        "weight": 3.0,
        "timezone": "Europe/Berlin",
    }


@pytest.mark.parametrize("column", ["max_in_flight", "delivery", "disclosure"])
@pytest.mark.parametrize("text", ["none", "", " "])
def test_none_empties_what_may_be_empty(column: str, text: str) -> None:
    assert read_tenant_changes({column: text}) == {column: None}


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("weight", "0"),
        ("weight", "-1"),
        ("weight", "nan"),
        ("weight", "inf"),
        ("weight", "heavy"),
        ("weight", ""),
        ("max_in_flight", "0"),
        ("max_in_flight", "1.5"),
        ("delivery", "flex"),
        ("timezone", "Asia/Soul"),
        ("timezone", "+09:00"),
        ("disclosure", "two\nlines"),
        ("disclosure", "x" * 201),
        ("sector", "toys"),
    ],
)
def test_a_wrong_value_is_told_by_its_option_and_what_that_wants(column: str, text: str) -> None:
    with pytest.raises(WrongTenantField) as error:
        read_tenant_changes({column: text})

    message = str(error.value)
    assert message.startswith(f"--{column.replace('_', '-')} is invalid")
    assert f"expected: {TenantFields.model_fields[column].description}" in message
    assert "\n" not in message


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(WrongTenantField, match=r"--weight is invalid.*--sector is invalid"):
        read_tenant_changes({"weight": "x", "sector": "y"})
