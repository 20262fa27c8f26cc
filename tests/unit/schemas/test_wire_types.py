from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.wire_types import parse_rfc3339, plain_decimal, rfc3339

offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
aware_moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=offsets)  # noqa: DTZ001 - Hypothesis wants naive bounds


@given(aware_moments)
def test_a_written_moment_reads_as_the_same_moment_in_utc(moment: datetime) -> None:
    written = rfc3339(moment)
    assert written.endswith("Z")
    assert parse_rfc3339(written) == moment
    assert parse_rfc3339(moment.isoformat()) == moment
    assert parse_rfc3339(moment) == moment
    assert parse_rfc3339(moment).tzinfo is UTC


def test_a_naive_moment_is_neither_written_nor_read() -> None:
    naive = datetime(2026, 11, 1)  # noqa: DTZ001 - the case
    with pytest.raises(ValueError, match="naive"):
        rfc3339(naive)
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_rfc3339(naive)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e30"), max_value=Decimal("1e30")))
@example(Decimal("1E+3"))
@example(Decimal("0E-8"))
@example(Decimal("1E-7"))
def test_an_amount_is_written_without_exponent_and_without_loss(amount: Decimal) -> None:
    written = plain_decimal(amount)
    assert "e" not in written.lower()
    assert Decimal(written) == amount


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_amount_is_not_written(amount: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        plain_decimal(Decimal(amount))
