"""Checks of the LLM endpoint: whether it responds, accepts the key and has the model. Nothing is billed."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

import openai

from consumer.llm.endpoints import Endpoint
from consumer.llm.errors import AccountRefused
from consumer.llm.status import error_of
from consumer.llm.writer import open_client
from consumer.operations.doctor.finding import Examination, Finding
from consumer.settings import LlmSettings, SettingsError

CHECK = "llm"
TIMEOUT_S = 8.0
HTTP_NOT_FOUND = 404


class ModelAtProvider(NamedTuple):
    """A model under its provider's name."""

    provider: str
    name: str


async def examine_llm(settings: LlmSettings, models: Mapping[str, ModelAtProvider]) -> Examination:
    """Check whether the list of models at the provider's endpoint contains the models."""
    for check, model in models.items():
        found = await _examined(settings, model)
        yield replace(found, check=check)


async def _examined(settings: LlmSettings, model: ModelAtProvider) -> Finding:
    try:
        endpoint = settings.endpoint(model.provider, model=model.name)
    except SettingsError as error:
        return _failed(str(error), "set it in the environment or in .env")
    client = open_client(endpoint, timeout_s=TIMEOUT_S, max_connections=1)
    try:
        listed = client.models.list(extra_headers=_own_headers(endpoint), extra_query=_own_query(endpoint))
        return _model_in({entry.id async for entry in listed}, endpoint, model.name)
    except openai.OpenAIError as error:
        finding = failure_of(error, endpoint)
        # some servers quote the key they refuse
        return replace(finding, detail=finding.detail.replace(endpoint.api_key, "***"))
    finally:
        await client.close()


def _own_headers(endpoint: Endpoint) -> dict[str, str]:
    """Return the headers for Anthropic's list of models, which is not part of its compatible endpoint."""
    if endpoint.provider != "anthropic":
        return {}
    return {"x-api-key": endpoint.api_key, "anthropic-version": "2023-06-01"}


def _own_query(endpoint: Endpoint) -> dict[str, object]:
    return {"limit": 1000} if endpoint.provider == "anthropic" else {}


def _model_in(names: set[str], endpoint: Endpoint, model_name: str) -> Finding:
    if any(is_listed_as(name, model_name) for name in names):
        return Finding(CHECK, "ok", f"{endpoint.base_url} takes the key and has {model_name}")
    return _failed(
        f"{endpoint.base_url} has no model {model_name} for this key",
        f"choose a model it has, or set {_variable(endpoint, 'BASE_URL')} to the provider that has it",
    )


def is_listed_as(listed: str, model_name: str) -> bool:
    """Return whether an entry of the list is the model: Google prefixes models/, Anthropic appends a date."""
    name = listed.removeprefix("models/")
    return name == model_name or re.fullmatch(rf"{re.escape(model_name)}-\d{{8}}", name) is not None


def failure_of(error: openai.OpenAIError, endpoint: Endpoint) -> Finding:
    """Return the finding for an error of the call."""
    key, url = _variable(endpoint, "API_KEY"), _variable(endpoint, "BASE_URL")
    match error:
        case openai.APIStatusError(status_code=status) if status == HTTP_NOT_FOUND:
            return Finding(
                CHECK,
                "warning",
                f"{endpoint.base_url} has no list of models (HTTP 404), so key and model were not checked",
                f"check that {url} ends before /chat/completions, usually in /v1",
            )
        case openai.APIStatusError(response=response):
            told = error_of(response.status_code, response.content, response.headers, now=datetime.now(UTC))
            if isinstance(told, AccountRefused) or isinstance(error, openai.PermissionDeniedError):
                return _failed(f"the account is refused: {told}", f"set {key} to a valid key, or do what it says")
            return _failed(str(told), "try again; ask the provider")
        case _:
            return _failed(
                f"{endpoint.base_url} does not answer ({error.__cause__ or error})",
                f"check {url}, the network and its proxies",
            )


def _failed(detail: str, advice: str) -> Finding:
    return Finding(CHECK, "failed", detail, advice)


def _variable(endpoint: Endpoint, kind: str) -> str:
    return f"{endpoint.provider.upper()}_{kind}"
