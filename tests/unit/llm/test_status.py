"""Whose fault an error is, for real shapes of many providers and gateways."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.error_answer import MESSAGE_LENGTH
from consumer.llm.errors import (
    AccountRefused,
    AnswerRejected,
    CallFailed,
    ContentFiltered,
    LlmError,
    RateLimited,
    RequestRefused,
    UnclearRefusal,
)
from consumer.llm.status import error_of
from tests.support.overlay_events import json_values

NOW = datetime(2026, 11, 26, tzinfo=UTC)
FIELD = Path(__file__).parents[2] / "fixtures" / "field"
CLASSES: dict[str, type[LlmError]] = {
    "account": AccountRefused,
    "rate": RateLimited,
    "event": RequestRefused,
    "filtered": ContentFiltered,
    "answer": AnswerRejected,
    "outage": CallFailed,
    "unknown": UnclearRefusal,
}


def cases(name: str) -> list[Any]:
    lines = (FIELD / name).read_text().splitlines()
    return [pytest.param(case, id=case["case"]) for case in map(json.loads, lines)]


def error(case: dict[str, Any]) -> LlmError:
    return error_of(case["status"], case["body"], case["headers"], now=NOW)


@pytest.mark.parametrize("case", cases("more_statuses.jsonl"))
def test_an_error_is_told_by_its_body_and_only_then_by_its_status(case: dict[str, Any]) -> None:
    found = error(case)
    assert type(found) is CLASSES[case["fault"]]
    assert getattr(found, "retry_after_s", None) == (pytest.approx(case["wait_s"]) if "wait_s" in case else None)
    assert case.get("detail", "") in str(found)
    if "parameter" in case:
        assert getattr(found, "parameter", None) == case["parameter"]


WANTED: dict[str, tuple[type[LlmError], float | None]] = {
    "gateway, wrong key as 400": (AccountRefused, None),
    "gateway, unknown model as 400": (AccountRefused, None),
    "budget exceeded as 400": (AccountRefused, None),
    "quota by type, code null": (AccountRefused, None),
    "unsupported parameter": (AccountRefused, None),
    "method not allowed": (AccountRefused, None),
    "request larger than the minute's tokens": (RequestRefused, None),
    "delay in the body": (RateLimited, 5.12),
    "delay as RetryInfo": (RateLimited, 6.5),
    "200 with an error object": (CallFailed, None),
    "invalid prompt": (ContentFiltered, None),
    "json mode failed": (AnswerRejected, None),
    "FastAPI detail": (AccountRefused, None),
}


@pytest.mark.parametrize("case", cases("statuses.jsonl"))
def test_a_case_from_the_field_means_what_a_reasonable_user_expects(case: dict[str, Any]) -> None:
    found = error(case)
    assert (type(found), getattr(found, "retry_after_s", None)) == WANTED[case["case"]]


@pytest.mark.parametrize("case", cases("statuses.jsonl") + cases("more_statuses.jsonl"))
def test_the_detail_is_one_line_that_quotes_the_other_side(case: dict[str, Any]) -> None:
    detail = str(error(case))
    assert detail.startswith("HTTP ")
    assert "\n" not in detail
    assert "{" not in detail.partition(": ")[0]
    assert "Error code" not in detail or "Error code" in json.dumps(case["body"])


def test_the_parameter_that_is_not_supported_is_named() -> None:
    body = {"error": {"message": "no", "param": "max_tokens", "code": "unsupported_parameter"}}
    refused = error_of(400, body, {}, now=NOW)
    assert isinstance(refused, AccountRefused)
    assert refused.parameter == "max_tokens"


def test_a_provider_s_own_check_hands_over_what_the_model_wrote() -> None:
    body = {"error": {"message": "Failed to generate JSON.", "code": "json_validate_failed", "failed_generation": "{"}}
    rejected = error_of(400, body, {}, now=NOW)
    assert isinstance(rejected, AnswerRejected)
    assert (rejected.draft, "{" in str(rejected)) == ("{", False)


def test_what_fastapi_quotes_of_the_input_is_not_repeated() -> None:
    body = {"detail": [{"loc": ["body", "messages"], "msg": "too long", "input": "the shop's text"}]}
    assert "the shop's text" not in str(error_of(422, body, {}, now=NOW))


@given(st.integers(100, 599), json_values | st.binary(max_size=200) | st.text(max_size=200))
def test_any_body_at_any_status_is_an_error_with_a_bounded_line(status: int, body: object) -> None:
    detail = str(error_of(status, body, {}, now=NOW))
    assert detail.startswith("HTTP ")
    assert len(detail) <= MESSAGE_LENGTH + 100
    assert not any(character < " " for character in detail)
    assert detail.encode()


@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-remaining", "x-ratelimit-reset"]),
        st.text(max_size=20),
    ),
    st.text(max_size=60),
)
def test_any_delay_is_within_an_hour_or_none(headers: dict[str, str], words: str) -> None:
    limited = error_of(429, {"error": {"message": f"try again in {words}", "retry_after": words}}, headers, now=NOW)
    wait_s = getattr(limited, "retry_after_s", None)
    assert wait_s is None or 0 <= wait_s <= 3_600
