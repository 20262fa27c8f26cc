"""Settings from the environment (and `.env`): typed, bounded, secrets never printed.

Each command loads only the group it needs, so that `migrate` runs without a Kafka address.
A field's description says what the variable wants; it is what an error message quotes.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    DirectoryPath,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError, core_schema
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from consumer.llm.endpoints import Endpoint
from repository.database_url import UnusableUrl, are_hosts, read_database_url
from schemas.event_types import EventTypes
from schemas.prompt_reference import PROMPT_REFERENCE
from schemas.quality import QUALITY_RULES, QualityRule

Seconds = Annotated[float, Field(gt=0, le=86_400)]
EventTypeNames = Annotated[str, Field(pattern=r"^\s*[a-zA-Z0-9_.:/-]{1,100}\s*(,\s*[a-zA-Z0-9_.:/-]{1,100}\s*)*$")]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]

_ONE_WORD = re.compile(r"[!-~]+")  # what a URL and a header take as it is: ASCII without spaces and controls


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line that names it and what it wants."""


def _postgres_url(url: SecretStr) -> SecretStr:
    try:
        read_database_url(url.get_secret_value())
    except UnusableUrl as error:
        raise PydanticCustomError("database_url", "{problem}", {"problem": str(error)}) from None
    return url


def _host_ports(servers: str) -> str:
    if not are_hosts(servers):
        raise ValueError("is not a list of host:port")
    return servers


def _http_parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        has_address = bool(parts.hostname) and parts.port != 0  # the port is looked at only when it is asked for
    except ValueError:
        return None
    return parts if has_address and parts.scheme in {"http", "https"} and _ONE_WORD.fullmatch(url) else None


def _base_url(url: str) -> str:
    parts = _http_parts(url.strip())
    if parts is None:
        raise ValueError("is not an http:// or https:// URL")
    if parts.username or parts.fragment:
        raise ValueError("has a user name or a # part, which no request can carry")
    path = parts.path.rstrip("/")
    if path.endswith("/chat/completions"):
        raise ValueError("ends in /chat/completions, which is added to it")
    return parts._replace(path=path).geturl()


def _api_key(key: SecretStr) -> SecretStr:
    """Strip from a key what a mounted file or a copied line has around it; a header takes nothing else."""
    trimmed = key.get_secret_value().strip()
    if not _ONE_WORD.fullmatch(trimmed):
        raise ValueError(
            "is blank, or has a character inside that no key has (a line break, a space, a letter of no key)"
        )
    return SecretStr(trimmed)


def _password(secret: SecretStr) -> SecretStr:
    """Strip from a password the line break that ends a mounted file; all else may belong to it."""
    return SecretStr(secret.get_secret_value().rstrip("\r\n"))


ApiKey = Annotated[SecretStr, AfterValidator(_api_key)]
Password = Annotated[SecretStr, AfterValidator(_password)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
_BASE_URL_WANTS = "the http(s) URL that ends before /chat/completions, with ?name=value where the server wants it"


class _Group(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", case_sensitive=False, env_ignore_empty=True, frozen=True
    )


class LogSettings(_Group):
    """How the program tells what it does."""

    log_format: Literal["json", "console"] = Field("json", description="json or console")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")


class TopicSettings(_Group):
    """The names of the topics."""

    overlay_completed_topic: TopicName = Field("overlay.completed", description="a Kafka topic name")
    feed_created_topic: TopicName = Field("instagram_feed.created", description="a Kafka topic name")
    feed_failed_topic: TopicName = Field("instagram_feed.failed", description="a Kafka topic name")
    dead_letter_topic: TopicName = Field("overlay.completed.dlq", description="a Kafka topic name")
    feed_outcome_topic: TopicName = Field(
        "instagram_feed.outcome", description="a Kafka topic name; what became of posts is read from it"
    )


class KafkaSettings(TopicSettings):
    """How to reach the brokers, and how large an event may be."""

    kafka_bootstrap_servers: Annotated[str, AfterValidator(_host_ports)] = Field(
        description="host:port, several separated by commas"
    )
    kafka_group_id: str = Field(
        "instagram-feed-consumer",
        description="name of the group that shares partitions, requests and committed offsets",
        min_length=1,
    )
    kafka_client_id: str = Field("instagram-feed-consumer", description="name shown in the broker's logs")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_sasl_username: str | None = Field(None, validate_default=True, description="user name for SASL")
    kafka_sasl_password: Password | None = Field(None, validate_default=True, description="password for SASL")
    kafka_ssl_cafile: FilePath | None = Field(None, description="path of the PEM file with the broker's CA")
    kafka_ssl_certfile: FilePath | None = Field(None, description="path of the PEM file with the client certificate")
    kafka_ssl_keyfile: FilePath | None = Field(None, description="path of the PEM file with the client key")
    kafka_enable_idempotence: bool = Field(
        default=True, description="true or false; false only for a broker without idempotent producers"
    )
    max_event_bytes: int = Field(
        262_144, ge=1_024, le=10_485_760, description="whole number of bytes from 1024 to 10485760"
    )

    overlay_event_types: EventTypeNames = Field(
        "overlay.completed", description="event types separated by commas, without namespace and version"
    )

    @property
    def event_types(self) -> EventTypes:
        """The types of event that are taken, however they are spelled."""
        return EventTypes(tuple(name.strip() for name in self.overlay_event_types.split(",")))

    @field_validator("kafka_sasl_username", "kafka_sasl_password")
    @classmethod
    def _needed_for_sasl(cls, value: str | SecretStr | None, info: ValidationInfo) -> str | SecretStr | None:
        if value is None and info.data.get("kafka_security_protocol", "").startswith("SASL_"):
            raise ValueError("KAFKA_SECURITY_PROTOCOL asks for SASL")
        return value


class DatabaseSettings(_Group):
    """How to reach PostgreSQL, and what is expected of upstream's rows there."""

    database_url: Annotated[SecretStr, AfterValidator(_postgres_url)] = Field(
        description="postgresql://user:password@host:port/database"
    )
    database_pooler: Literal["auto", "none", "transaction"] = Field(
        "auto",
        description="auto, none or transaction: whether a pooler such as PgBouncer in transaction mode is in between",
    )
    database_pool_size: int = Field(5, ge=2, le=100, description="whole number from 2 to 100: connections")
    reference_rows: Literal["ensure", "require"] = Field("ensure", description="ensure or require")
    reference_wait_s: Seconds = Field(
        600, description="seconds that a request waits for rows which upstream has not committed"
    )


def _split_at_commas(value: object) -> object:
    """Split a list as the environment has it; anything else is left to the field's own type."""
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_at_commas)]
RuleNames = Annotated[tuple[QualityRule, ...], NoDecode, BeforeValidator(_split_at_commas)]
_RULES = ", ".join(QUALITY_RULES)


class PostSettings(_Group):
    """Which model writes, and what a post has to be like."""

    llm_model: str = Field(
        "gpt-4o-mini", min_length=1, description="an active model of `instagram-feed models list`, by any of its names"
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
    banned_words: Words = Field((), description="words that no post may hold, separated by commas")
    feed_language: str = Field(
        "ko", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="a BCP 47 language tag such as ko"
    )


class LlmSettings(PostSettings):
    """How the model is called, and which one stands in for it."""

    anthropic_api_key: ApiKey | None = Field(None, description="an API key of Anthropic, for models of theirs")
    anthropic_base_url: BaseUrl = Field("https://api.anthropic.com/v1", description=_BASE_URL_WANTS)
    google_api_key: ApiKey | None = Field(None, description="an API key of Google, for models of theirs")
    google_base_url: BaseUrl = Field(
        "https://generativelanguage.googleapis.com/v1beta/openai", description=_BASE_URL_WANTS
    )
    openai_api_key: ApiKey | None = Field(
        None,
        validate_default=True,
        description="an API key of OpenAI (or ANTHROPIC_API_KEY or GOOGLE_API_KEY, for models of theirs)",
    )
    openai_base_url: BaseUrl = Field("https://api.openai.com/v1", description=_BASE_URL_WANTS)
    llm_fallback_model: str | None = Field(
        None, min_length=1, description="another such model, used while LLM_MODEL's provider is not called"
    )
    llm_temperature: float | None = Field(
        None, ge=0, le=2, description="number from 0 to 2; default: the model row's default_temperature"
    )
    llm_max_tokens: int | None = Field(
        None, ge=16, le=128_000, description="whole number from 16; default: the model row's default_max_tokens"
    )
    llm_store_responses: bool = Field(
        default=False,
        description="true or false; true has the provider keep answers, to look a lost one up before paying again",
    )
    llm_timeout_s: Seconds = Field(60, description="seconds one LLM call may take")

    @field_validator("openai_api_key")
    @classmethod
    def _one_key_at_least(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Refuse to start without any key; which one is needed only the model's row says."""
        others = (info.data.get("anthropic_api_key"), info.data.get("google_api_key"))
        if key is None and others == (None, None):
            raise PydanticCustomError("missing", "no key of any provider")
        return key

    @property
    def models(self) -> dict[str, str]:
        """The models to be used by the variable that names them, the preferred one first."""
        fallback = {"LLM_FALLBACK_MODEL": self.llm_fallback_model} if self.llm_fallback_model else {}
        return {"LLM_MODEL": self.llm_model, **fallback}

    def endpoint(self, provider: str, *, model: str) -> Endpoint:
        """Return the endpoint of a provider; `model` is whose endpoint it is, for the error message.

        Raises:
            SettingsError: the provider's key is not set, or nobody knows the provider.
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


class CapacitySettings(_Group):
    """How much one consumer does at once."""

    max_in_flight: int = Field(
        200, ge=1, le=10_000, description="whole number from 1 to 10000: posts being written at once"
    )


class Settings(KafkaSettings, DatabaseSettings, LlmSettings, CapacitySettings, LogSettings):
    """All that the consumer itself needs."""

    max_attempts: int = Field(5, ge=1, le=100, description="whole number from 1 to 100")
    dead_letter_max_run: int = Field(
        500, ge=1, description="whole number from 1: invalid records in a row after which the program stops"
    )
    dead_letter_max_ratio: float = Field(
        0.5, gt=0, le=1, description="number up to 1: share of invalid records after which it stops; 1 for never"
    )
    ignored_max_run: int = Field(
        500, ge=1, description="whole number from 1: records of other types in a row after which the program stops"
    )
    ignored_max_ratio: float = Field(
        0.5, gt=0, le=1, description="number up to 1: share of other types after which it stops; 1 for a shared topic"
    )
    lease_s: Seconds = Field(90, description="seconds after which another process may take over a request")
    max_takeovers: int = Field(
        3,
        ge=1,
        le=100,
        description="whole number from 1 to 100: lost processes in a row after which their request is to blame",
    )
    retry_base_s: Seconds = Field(1, description="seconds: upper end of the first retry's random wait")
    retry_max_s: Seconds = Field(300, description="seconds: the longest wait between two attempts")
    probe_s: Seconds = Field(
        5, description="seconds after which a provider that fails is tried again; doubles up to a minute"
    )
    spool_dir: DirectoryPath = Field(
        Path(),
        description="directory, best on a volume, for paid results that cannot be stored before the end; "
        "default: where the program runs",
    )
    shutdown_grace_s: Seconds = Field(
        25,
        description="seconds that calls in flight get after SIGTERM; an orchestrator waits 20 s more",
    )
    ops_host: str = Field("127.0.0.1", description="address the health and metrics server listens on")
    ops_port: int = Field(8080, ge=0, le=65_535, description="port number, 0 picks a free one")


_LIBRARY_PROBLEMS = set(get_args(core_schema.ErrorType)) - {"value_error"}
Group = TypeVar("Group", bound=_Group)


def load(group: type[Group]) -> Group:
    """Read one group of settings from the environment.

    Raises:
        SettingsError: naming every variable that is missing or wrong, and what it wants.
    """
    try:
        return group()
    except ValidationError as error:
        raise SettingsError(_explain(group, error)) from None


def _explain(group: type[_Group], error: ValidationError) -> str:
    """Return one line; never the value, which may be a secret in the wrong variable."""
    parts = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0])
        wants = group.model_fields[name].description
        what = "is missing" if problem["type"] == "missing" else f"is wrong{_why(problem)}"
        parts.append(f"{name.upper()} {what}; it wants: {wants}")
    return " | ".join(parts)


def _why(problem: ErrorDetails) -> str:
    """Return what our own checks say; what the library's say is in the description, in better words."""
    if problem["type"] in _LIBRARY_PROBLEMS:
        return ""
    return f" ({problem['msg'].removeprefix('Value error, ')})"
