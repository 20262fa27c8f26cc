"""Where the models of each provider are called, and with which key."""

from dataclasses import dataclass, field

from consumer.settings import LlmSettings, SettingsError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A provider's OpenAI-compatible endpoint; `base_url` ends before /chat/completions."""

    provider: str
    base_url: str
    api_key: str = field(repr=False)


def endpoint_of(settings: LlmSettings, provider: str, *, model: str) -> Endpoint:
    """The endpoint of a provider; `model` is whose endpoint it is, for the error message.

    Raises:
        SettingsError: the provider's key is not set, or nobody knows the provider.
    """
    match provider:
        case "openai":
            base_url, key = settings.openai_base_url, settings.openai_api_key
        case "anthropic":
            base_url, key = settings.anthropic_base_url, settings.anthropic_api_key
        case "google":
            base_url, key = settings.google_base_url, settings.google_api_key
        case _:
            raise SettingsError(
                f"{model} is a model of provider {provider}, which is none of openai, anthropic, google; "
                "a compatible server is reached as openai, with OPENAI_BASE_URL"
            )
    if key is None:
        raise SettingsError(f"{provider.upper()}_API_KEY is missing; {model} is a model of provider {provider}")
    return Endpoint(provider, base_url, key.get_secret_value())
