"""Reading what providers say about their rate limits."""

import math

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.llm.rate_limit.headers import UNITS, Quota, duration_s, read_rate_headers
from devstack.simulated_llm.rate_limits import go_duration


def test_the_limits_of_an_answer_are_read_by_unit() -> None:
    headers = httpx2.Headers(
        {
            "X-RateLimit-Limit-Requests": "10000",
            "X-RateLimit-Limit-Tokens": "200000",
            "X-RateLimit-Limit-Project-Tokens": "60000",
            "X-RateLimit-Remaining-Requests": "9999",
            "X-RateLimit-Remaining-Tokens": "199978",
            "X-RateLimit-Remaining-Project-Tokens": "57000",
            "X-RateLimit-Reset-Requests": "8.64s",
            "X-RateLimit-Reset-Tokens": "6ms",
            "X-RateLimit-Reset-Project-Tokens": "3s",
        }
    )

    assert read_rate_headers(headers) == {
        "requests": Quota(10_000, 9_999, 8.64),
        "tokens": Quota(200_000, 199_978, 0.006),
        "project-tokens": Quota(60_000, 57_000, 3.0),
    }


def test_an_answer_without_such_headers_names_no_limit() -> None:
    assert read_rate_headers(httpx2.Headers({"content-type": "application/json"})) == {}


def test_a_remainder_without_its_limit_is_ignored() -> None:
    assert read_rate_headers({"x-ratelimit-remaining-requests": "5"}) == {}


def test_a_remainder_above_the_limit_counts_as_the_whole_limit() -> None:
    headers = {"x-ratelimit-limit-requests": "200", "x-ratelimit-remaining-requests": "419"}

    assert read_rate_headers(headers)["requests"].remaining == 200


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "1e3", "1_000", "٣", "", "many", "9" * 16, "nan"])
def test_a_limit_that_is_no_count_is_ignored(limit: str) -> None:
    assert read_rate_headers({"x-ratelimit-limit-tokens": limit}) == {}


def test_nonsense_beside_a_good_limit_leaves_the_limit() -> None:
    headers = {
        "x-ratelimit-limit-tokens": " 1000 ",
        "x-ratelimit-remaining-tokens": "-3",
        "x-ratelimit-reset-tokens": "soon",
    }

    assert read_rate_headers(headers) == {"tokens": Quota(1_000)}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("1.5s", 1.5),
        ("20ms", 0.02),
        ("1h2m3s", 3_723.0),
        ("0s", 0.0),
        ("23h18m29.144s", 83_909.144),
        ("1m", 60.0),
        ("250us", 250e-6),
        ("250µs", 250e-6),
        ("250μs", 250e-6),
        ("7ns", 7e-9),
        ("10", 10.0),
        ("59.70", 59.7),
    ],
)
def test_a_go_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "s", "-1s", "1x", "1s2", "1 s", "1e3s", "nan", "inf", "٣s", "1" * 16, "1s" * 33, "1..5s"]
)
def test_a_text_that_is_no_duration_is_ignored(text: str) -> None:
    assert duration_s(text) is None


@given(st.integers(0, 10**9))
def test_durations_spelled_as_go_does_are_read_back(milliseconds: int) -> None:
    read = duration_s(go_duration(milliseconds / 1_000))

    assert read == pytest.approx(milliseconds / 1_000, rel=1e-5, abs=1e-3)


NAMES = st.sampled_from([f"x-ratelimit-{kind}-{unit}" for kind in ("limit", "remaining", "reset") for unit in UNITS])
VALUES = st.text() | st.integers().map(str) | st.floats().map(str) | st.from_regex(r"[0-9hms.µ ]*")


@given(st.dictionaries(NAMES | st.text(), VALUES))
@example({"x-ratelimit-limit-requests": "0\x1f"})
def test_whatever_the_headers_hold_only_sane_figures_come_out(headers: dict[str, str]) -> None:
    for quota in read_rate_headers(headers).values():
        assert 0 < quota.limit < 10**15
        assert quota.remaining is None or 0 <= quota.remaining <= quota.limit
        assert quota.reset_s is None or (quota.reset_s >= 0 and math.isfinite(quota.reset_s))
