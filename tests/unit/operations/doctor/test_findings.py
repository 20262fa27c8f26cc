"""What the doctor makes of a model's row and of the endpoint's errors."""

from datetime import UTC, datetime, timedelta

import httpx2
import openai
import pytest

from consumer.llm.endpoints import Endpoint
from consumer.operations.doctor.database import losses_finding, model_finding
from consumer.operations.doctor.kafka import offsets_finding
from consumer.operations.doctor.llm import failure_of, is_listed_as
from consumer.operations.status.offsets import PartitionOffsets
from repository.operations.intake_status import GapStatus
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
    held = model_finding(llm_model(**{price: None}), now=NOW, variable=VARIABLE, has_usd_budget=True)
    assert held.status == "failed"


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


def test_what_a_gateway_says_of_the_key_is_quoted_once_whatever_its_status() -> None:
    body = b'{"error": {"message": "No connected db.", "type": "no_db_connection", "code": "400"}}'
    response = httpx2.Response(400, content=body, request=REQUEST)
    error = openai.BadRequestError("Error code: 400 - No connected db.", response=response, body=None)
    finding = failure_of(error, Endpoint("openai", "http://llm/v1", "sk-test"))
    assert finding.detail == "the account is refused: HTTP 400 no_db_connection: No connected db."
    assert "OPENAI_API_KEY" in (finding.advice or "")


@pytest.mark.parametrize("listed", ["claude-haiku-5-5", "claude-haiku-5-5-20261001", "models/claude-haiku-5-5"])
def test_a_model_is_found_under_the_name_its_provider_lists(listed: str) -> None:
    assert is_listed_as(listed, "claude-haiku-5-5")


@pytest.mark.parametrize("listed", ["claude-haiku-5-55", "claude-haiku-5-5-fast", "xclaude-haiku-5-5"])
def test_a_similar_name_is_another_model(listed: str) -> None:
    assert not is_listed_as(listed, "claude-haiku-5-5")


def test_records_deleted_before_they_were_read_are_warned_of_with_their_range() -> None:
    partitions = [
        PartitionOffsets(0, first=0, end=10, committed=4),
        PartitionOffsets(3, first=50, end=60, committed=20),
    ]
    finding = offsets_finding(partitions)
    assert (finding.status, "30 records" in finding.detail, "partition 3: 20-49" in finding.detail) == (
        "warning",
        True,
        True,
    )
    assert offsets_finding(partitions[:1]).detail.startswith("6 records to be taken in")


def test_a_partition_that_nobody_has_read_yet_has_lost_nothing() -> None:
    assert offsets_finding([PartitionOffsets(0, first=50, end=60, committed=None)]).status == "ok"


def test_noted_losses_are_told_with_what_the_ledger_knows_of_them() -> None:
    gap = GapStatus(partition=1, begin_offset=5, end_offset=8, noticed_at=NOW, known=2)
    finding = losses_finding([gap])
    assert finding.status == "warning"
    assert "3 records were deleted before they were read, 2 of them known to the ledger (partition 1: 5-7)" in (
        finding.detail
    )
    assert losses_finding([]).status == "ok"
