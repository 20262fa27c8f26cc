"""Each provider has its own key and its own address."""

import pytest

from consumer.llm.endpoints import Endpoint
from consumer.operations.models.model_fields import PROVIDERS
from consumer.settings import LlmSettings, SettingsError

DEFAULTS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "google": "https://generativelanguage.googleapis.com/v1beta/openai",
}


@pytest.fixture(autouse=True)
def _all_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS:
        monkeypatch.delenv(f"{provider.upper()}_BASE_URL", raising=False)
        monkeypatch.setenv(f"{provider.upper()}_API_KEY", f"sk-{provider}")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_providers_models_are_called_with_its_key_where_it_is(monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    assert LlmSettings().endpoint(provider, model="m") == Endpoint(provider, DEFAULTS[provider], f"sk-{provider}")

    monkeypatch.setenv(f"{provider.upper()}_BASE_URL", "http://proxy/v1/")
    assert LlmSettings().endpoint(provider, model="m").base_url == "http://proxy/v1"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_key_that_is_missing_is_named_with_the_model_that_needs_it(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    monkeypatch.delenv(f"{provider.upper()}_API_KEY")
    with pytest.raises(
        SettingsError, match=f"^{provider.upper()}_API_KEY is missing; x/m is a model of .* {provider}$"
    ):
        LlmSettings().endpoint(provider, model="x/m")


def test_a_provider_nobody_knows_is_told_how_to_be_reached() -> None:
    with pytest.raises(SettingsError, match=r"provider mistral.* OPENAI_BASE_URL"):
        LlmSettings().endpoint("mistral", model="mistral/m")


def test_a_key_is_not_shown() -> None:
    assert "sk-" not in repr(LlmSettings().endpoint("openai", model="m"))
