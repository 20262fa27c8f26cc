"""Checks of the LLM endpoint: does it answer, does it take the key, has it the model. Nothing is billed."""

import openai

from consumer.doctor.finding import Examination, Finding
from consumer.llm.writer import open_client
from consumer.settings import LlmSettings

CHECKS = ("llm",)
TIMEOUT_S = 8.0
HTTP_NOT_FOUND = 404


async def examine_llm(settings: LlmSettings) -> Examination:
    """One GET of the endpoint's list of models."""
    api_key = settings.openai_api_key.get_secret_value()
    client = open_client(api_key=api_key, base_url=settings.openai_base_url, timeout_s=TIMEOUT_S, max_connections=1)
    try:
        names = {model.id async for model in client.models.list()}
        yield _model_in(names, settings)
    except openai.OpenAIError as error:
        finding = failure_of(error, settings)
        # some servers quote the key they refuse
        yield Finding(finding.check, finding.status, finding.detail.replace(api_key, "***"), finding.advice)
    finally:
        await client.close()


def _model_in(names: set[str], settings: LlmSettings) -> Finding:
    if settings.llm_model in names:
        return Finding("llm", "ok", f"{settings.openai_base_url} takes the key and has {settings.llm_model}")
    return Finding(
        "llm",
        "failed",
        f"{settings.openai_base_url} has no model {settings.llm_model} for this key",
        "set LLM_MODEL to a model it has, or OPENAI_BASE_URL to the provider that has it",
    )


def failure_of(error: openai.OpenAIError, settings: LlmSettings) -> Finding:
    """What an error of the call says about endpoint and key."""
    match error:
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return Finding("llm", "failed", f"the key is refused: {error.message}", "set OPENAI_API_KEY to a valid key")
        case openai.APIStatusError(status_code=status) if status == HTTP_NOT_FOUND:
            return Finding(
                "llm",
                "warning",
                f"{settings.openai_base_url} has no list of models (HTTP 404), so key and model are untested",
                "check that OPENAI_BASE_URL ends before /chat/completions, mostly in /v1",
            )
        case openai.APIStatusError():
            return Finding("llm", "failed", f"HTTP {error.status_code}: {error.message}", "try again; ask the provider")
        case _:
            return Finding(
                "llm",
                "failed",
                f"{settings.openai_base_url} does not answer ({error.__cause__ or error})",
                "check OPENAI_BASE_URL, the network and its proxies",
            )
