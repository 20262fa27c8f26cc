"""Models, calls, and rules for posts."""

from urllib.parse import parse_qsl

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from consumer.llm.endpoints import Endpoint
from consumer.settings.base import SettingsError, SettingsGroup
from consumer.settings.values import ApiKey, BaseUrl, RuleNames, Seconds, Words
from schemas.prompt_reference import PROMPT_REFERENCE
from schemas.quality import QUALITY_RULES

_RULES = ", ".join(QUALITY_RULES)
_BASE_URL_WANTS = "the http(s) URL that ends before /chat/completions, with ?name=value if the server needs it"


class PostSettings(SettingsGroup):
    """Models and rules for posts."""

    llm_model: str = Field(
        "gpt-4o-mini", min_length=1, description="an active model of `instagram-feed models list`, by any of its names"
    )
    llm_fallback_model: str | None = Field(
        None, min_length=1, description="another such model, used while LLM_MODEL's breaker is open"
    )
    llm_prompt: str = Field(
        "feed-post",
        pattern=PROMPT_REFERENCE,
        description="NAME or NAME:VERSION of `instagram-feed prompts list`; NAME means its newest version at the start",
    )
    max_hashtags: int = Field(5, ge=1, le=30, description="whole number from 1 to 30")
    max_mentions: int = Field(3, ge=0, le=20, description="whole number from 0 to 20: @-mentions in a caption")
    quality_off: RuleNames = Field((), description=f"names of quality rules, comma-separated: {_RULES}")
    quality_refuse: RuleNames = Field(
        (), description=f"quality rules that warn by default and are to refuse, comma-separated: {_RULES}"
    )
    banned_words: Words = Field((), description="words that no post may contain, separated by commas")
    feed_language: str = Field(
        "ko", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="a BCP 47 language tag such as ko"
    )

    @property
    def models(self) -> dict[str, str]:
        """The models by the variable that names them, the preferred one first."""
        fallback = {"LLM_FALLBACK_MODEL": self.llm_fallback_model} if self.llm_fallback_model else {}
        return {"LLM_MODEL": self.llm_model, **fallback}


class LlmSettings(PostSettings):
    """Settings of LLM calls."""

    anthropic_api_key: ApiKey | None = Field(None, description="an API key of Anthropic, for its models")
    anthropic_base_url: BaseUrl = Field("https://api.anthropic.com/v1", description=_BASE_URL_WANTS)
    google_api_key: ApiKey | None = Field(None, description="an API key of Google, for its models")
    google_base_url: BaseUrl = Field(
        "https://generativelanguage.googleapis.com/v1beta/openai", description=_BASE_URL_WANTS
    )
    openai_api_key: ApiKey | None = Field(
        None,
        validate_default=True,
        description="an API key of OpenAI (or ANTHROPIC_API_KEY or GOOGLE_API_KEY, for their models)",
    )
    openai_base_url: BaseUrl = Field("https://api.openai.com/v1", description=_BASE_URL_WANTS)
    llm_temperature: float | None = Field(
        None, ge=0, le=2, description="number from 0 to 2; default: the model row's default_temperature"
    )
    llm_max_tokens: int | None = Field(
        None, ge=16, le=128_000, description="whole number from 16; default: the model row's default_max_tokens"
    )
    llm_store_responses: bool = Field(
        default=False,
        description="true or false; true makes the provider store answers, to look up lost ones before paying again",
    )
    llm_timeout_s: Seconds = Field(60, description="seconds one LLM call may take")

    @field_validator("openai_api_key")
    @classmethod
    def _one_key_at_least(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Refuse to start without any key; which one is needed depends on the model's row."""
        others = (info.data.get("anthropic_api_key"), info.data.get("google_api_key"))
        if key is None and others == (None, None):
            raise PydanticCustomError("missing", "no key of any provider")
        return key

    def endpoint(self, provider: str, *, model: str) -> Endpoint:
        """Return the endpoint of a provider; `model` is for the error message.

        Raises:
            SettingsError: the provider's key is not set, or the provider is unknown.
        """
        match provider:
            case "openai":
                base_url, key = self.openai_base_url, self.openai_api_key
            case "anthropic":
                base_url, key = self.anthropic_base_url, self.anthropic_api_key
            case "google":
                base_url, key = self.google_base_url, self.google_api_key
            case _:
                raise SettingsError(
                    f"{model} is a model of provider {provider}, which is none of openai, anthropic, google; "
                    "a compatible server is reached as openai, with OPENAI_BASE_URL"
                )
        if key is None:
            raise SettingsError(f"{provider.upper()}_API_KEY is missing; {model} is a model of provider {provider}")
        address, _, query = base_url.partition("?")
        return Endpoint(provider, address, key.get_secret_value(), query=dict(parse_qsl(query, keep_blank_values=True)))
