import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.simulated_llm.openai_errors import ApiError
from devstack.simulated_llm.rate_limits import RateLimiter, RateLimits, go_duration, retry_after_headers

MODEL = "gpt-4o-mini"


def limiter(requests_per_minute: int = 60, tokens_per_minute: int = 60_000) -> RateLimiter:
    limits = RateLimits(requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
    return RateLimiter(limits, now_s=0.0)


@pytest.mark.parametrize(
    ("seconds", "spelled"),
    [
        (0, "0s"),
        (0.0001, "1ms"),
        (0.12, "120ms"),
        (1, "1s"),
        (8.64, "8.64s"),
        (60, "1m0s"),
        (86.4, "1m26.4s"),
        (360, "6m0s"),
        (3600, "1h0m0s"),
        (4981.5, "1h23m1.5s"),
    ],
)
def test_durations_are_spelled_as_go_spells_them(seconds: float, spelled: str) -> None:
    assert go_duration(seconds) == spelled


@given(st.integers(min_value=0, max_value=90_000_000))
def test_a_spelled_duration_reads_back_to_the_millisecond(milliseconds: int) -> None:
    units_ms = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
    parts = re.findall(r"([\d.]+)(ms|[hms])", go_duration(milliseconds / 1000))
    assert round(sum(float(amount) * units_ms[unit] for amount, unit in parts)) == milliseconds


def test_retry_after_rounds_up_so_that_the_wait_is_long_enough() -> None:
    assert retry_after_headers(1.2) == {"retry-after": "2", "retry-after-ms": "1200"}


def test_headers_tell_limit_remainder_and_time_until_full() -> None:
    account = limiter()
    account.take(MODEL, 30_000, now_s=0.0)
    assert account.headers(now_s=0.5) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "500ms",
        "x-ratelimit-limit-tokens": "60000",
        "x-ratelimit-remaining-tokens": "30500",
        "x-ratelimit-reset-tokens": "29.5s",
    }


def test_the_request_above_the_limit_is_refused_in_openais_words() -> None:
    account = limiter(requests_per_minute=3)
    for _ in range(3):
        account.take(MODEL, 1, now_s=0.0)
    with pytest.raises(ApiError) as refusal:
        account.take(MODEL, 1, now_s=0.0)
    assert refusal.value.status == 429
    assert refusal.value.type == "requests"
    assert refusal.value.code == "rate_limit_exceeded"
    assert "requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s." in refusal.value.message
    assert refusal.value.headers == {"retry-after": "20", "retry-after-ms": "20000"}


def test_a_request_larger_than_the_token_limit_is_told_no_time_to_wait() -> None:
    with pytest.raises(ApiError, match="Request too large") as refusal:
        limiter(tokens_per_minute=100).take(MODEL, 101, now_s=0.0)
    assert refusal.value.type == "tokens"
    assert refusal.value.headers == {}


def test_a_refused_request_takes_nothing() -> None:
    account = limiter(tokens_per_minute=100)
    with pytest.raises(ApiError):
        account.take(MODEL, 101, now_s=0.0)
    assert account.headers(now_s=0.0)["x-ratelimit-remaining-requests"] == "60"


@given(
    gaps_s=st.lists(st.floats(min_value=0, max_value=20), max_size=60),
    requests_per_minute=st.integers(min_value=1, max_value=120),
)
def test_no_more_is_granted_than_one_full_bucket_and_what_flows_in(
    gaps_s: list[float], requests_per_minute: int
) -> None:
    account, now_s, granted = limiter(requests_per_minute), 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        try:
            account.take(MODEL, 1, now_s)
        except ApiError:
            continue
        granted += 1
        assert granted <= requests_per_minute + now_s * requests_per_minute / 60 + 1e-6


@given(st.integers(min_value=1, max_value=120), st.integers(min_value=1, max_value=5000))
def test_after_the_wait_it_is_told_a_request_is_granted(requests_per_minute: int, tokens: int) -> None:
    account = limiter(requests_per_minute, tokens_per_minute=5000)
    now_s = 0.0
    for _ in range(200):
        try:
            account.take(MODEL, tokens, now_s)
        except ApiError as refusal:
            now_s += int(refusal.headers["retry-after-ms"]) / 1000
            account.take(MODEL, tokens, now_s)
            return
