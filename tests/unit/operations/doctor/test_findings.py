"""What the doctor makes of a model's row and of the endpoint's errors."""

from datetime import UTC, datetime, timedelta

import httpx2
import openai
import pytest

from consumer.llm.endpoints import Endpoint
from consumer.operations.doctor.database import model_finding
from consumer.operations.doctor.llm import failure_of, is_listed_as
from tests.support.examples import llm_model

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
REQUEST = httpx2.Request("GET", "http://llm/v1/models")


VARIABLE = "LLM_FALLBACK_MODEL"


def status_error(kind: type[openai.APIStatusError], status: int) -> openai.APIStatusError:
    return kind("said the server", response=httpx2.Response(status, request=REQUEST), body=None)


@pytest.mark.parametrize(("days", "status"), [(61, "ok"), (60, "warning"), (0, "warning"), (-1, "failed")])
def test_a_shutdown_is_warned_of_for_sixty_days_and_then_fails(days: int, status: str) -> None:
    model = llm_model(shutdown_date=(NOW + timedelta(days=days)).date())

    finding = model_finding(model, now=NOW, variable=VARIABLE)

    assert finding.status == status
    assert status == "ok" or VARIABLE in (finding.advice or "")


@pytest.mark.parametrize("price", ["prompt_token_cost_per_1m", "completion_token_cost_per_1m"])
def test_a_model_without_a_price_is_warned_of(price: str) -> None:
    finding = model_finding(llm_model(**{price: None}), now=NOW, variable=VARIABLE)

    assert finding.status == "warning"
    assert price in (finding.advice or "")


@pytest.mark.parametrize(
    ("error", "status", "names"),
    [
        (status_error(openai.AuthenticationError, 401), "failed", "API_KEY"),
        (status_error(openai.PermissionDeniedError, 403), "failed", "API_KEY"),
        (status_error(openai.NotFoundError, 404), "warning", "BASE_URL"),
        (openai.APIConnectionError(request=REQUEST), "failed", "BASE_URL"),
    ],
)
def test_an_error_of_the_endpoint_names_the_setting_to_look_at(
    error: openai.OpenAIError, status: str, names: str
) -> None:
    for provider in ("openai", "anthropic"):
        finding = failure_of(error, Endpoint(provider, "http://llm/v1", "sk-test"))

        assert finding.status == status
        assert f"{provider.upper()}_{names}" in (finding.advice or "")


@pytest.mark.parametrize("listed", ["claude-haiku-5-5", "claude-haiku-5-5-20261001", "models/claude-haiku-5-5"])
def test_a_model_is_found_under_the_name_its_provider_lists(listed: str) -> None:
    assert is_listed_as(listed, "claude-haiku-5-5")


@pytest.mark.parametrize("listed", ["claude-haiku-5-55", "claude-haiku-5-5-fast", "xclaude-haiku-5-5"])
def test_a_similar_name_is_another_model(listed: str) -> None:
    assert not is_listed_as(listed, "claude-haiku-5-5")
