"""What the doctor makes of a model's row and of the endpoint's errors."""

from datetime import UTC, datetime, timedelta

import httpx2
import openai
import pytest

from consumer.doctor.database import model_finding
from consumer.doctor.llm import failure_of
from consumer.settings import LlmSettings
from tests.examples import llm_model

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
REQUEST = httpx2.Request("GET", "http://llm/v1/models")


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> LlmSettings:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    return LlmSettings()


def status_error(kind: type[openai.APIStatusError], status: int) -> openai.APIStatusError:
    return kind("said the server", response=httpx2.Response(status, request=REQUEST), body=None)


@pytest.mark.parametrize(("days", "status"), [(61, "ok"), (60, "warning"), (0, "warning"), (-1, "failed")])
def test_a_shutdown_is_warned_of_for_sixty_days_and_then_fails(days: int, status: str) -> None:
    model = llm_model(shutdown_date=(NOW + timedelta(days=days)).date())

    assert model_finding(model, now=NOW).status == status


@pytest.mark.parametrize("price", ["prompt_token_cost_per_1m", "completion_token_cost_per_1m"])
def test_a_model_without_a_price_is_warned_of(price: str) -> None:
    finding = model_finding(llm_model(**{price: None}), now=NOW)

    assert finding.status == "warning"
    assert price in (finding.advice or "")


@pytest.mark.parametrize(
    ("error", "status", "names"),
    [
        (status_error(openai.AuthenticationError, 401), "failed", "OPENAI_API_KEY"),
        (status_error(openai.PermissionDeniedError, 403), "failed", "OPENAI_API_KEY"),
        (status_error(openai.NotFoundError, 404), "warning", "OPENAI_BASE_URL"),
        (openai.APIConnectionError(request=REQUEST), "failed", "OPENAI_BASE_URL"),
    ],
)
def test_an_error_of_the_endpoint_names_the_setting_to_look_at(
    error: openai.OpenAIError, status: str, names: str, settings: LlmSettings
) -> None:
    finding = failure_of(error, settings)

    assert finding.status == status
    assert names in (finding.advice or "")
