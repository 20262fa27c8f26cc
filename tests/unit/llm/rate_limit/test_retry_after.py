"""How long a provider asks to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.rate_limit.retry_after import MAX_RETRY_AFTER_S, retry_after_s

NOW = datetime(1994, 11, 6, 8, 49, 7, tzinfo=UTC)


def test_without_a_header_nothing_is_asked() -> None:
    assert retry_after_s({}, NOW) is None


def test_milliseconds_go_before_whole_seconds() -> None:
    headers = httpx2.Headers({"Retry-After": "2", "Retry-After-Ms": "1280"})

    assert retry_after_s(headers, NOW) == 1.28


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "nan", "1e3"])
def test_nonsense_milliseconds_leave_the_seconds(nonsense: str) -> None:
    assert retry_after_s({"retry-after-ms": nonsense, "retry-after": " 20 "}, NOW) == 20.0


@pytest.mark.parametrize(
    "date",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
    ids=["IMF-fixdate", "RFC 850", "asctime"],
)
def test_a_date_in_any_form_of_http_is_a_time_to_wait_until(date: str) -> None:
    assert retry_after_s({"retry-after": date}, NOW) == 30.0


def test_a_date_in_the_past_means_now() -> None:
    assert retry_after_s({"retry-after": "Sun, 06 Nov 1994 08:00:00 GMT"}, NOW) == 0.0


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "86400"},
        {"retry-after": "9" * 400},
        {"retry-after-ms": "86400000"},
        {"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"},
    ],
)
def test_a_very_long_wait_is_cut_to_an_hour(headers: dict[str, str]) -> None:
    assert retry_after_s(headers, NOW) == 3_600.0


@pytest.mark.parametrize("nonsense", ["-1", "nan", "inf", "1e3", "٣", "tomorrow", "Sun, 99 Nov 1994 08:49:37 GMT", "-"])
def test_nonsense_asks_for_nothing(nonsense: str) -> None:
    assert retry_after_s({"retry-after": nonsense}, NOW) is None


@given(st.integers(0, 3_600))
def test_a_date_and_the_seconds_to_it_ask_for_the_same(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert retry_after_s({"retry-after": date}, NOW) == retry_after_s({"retry-after": str(seconds)}, NOW)


DATE_LIKE = st.from_regex(r"\A(Sun, )?[0-9]{1,4} (Nov|Feb) [0-9]{1,5} [0-9:]{1,9} [+-]?[0-9A-Z]{0,9}\Z")


@given(st.text() | st.floats().map(str) | st.integers().map(str) | DATE_LIKE, st.text())
def test_whatever_the_headers_hold_the_wait_is_within_an_hour(text: str, milliseconds: str) -> None:
    wait_s = retry_after_s({"retry-after": text, "retry-after-ms": milliseconds}, NOW)

    assert wait_s is None or 0 <= wait_s <= MAX_RETRY_AFTER_S
