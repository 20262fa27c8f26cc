"""What all groups of settings share: sources of values, and one-line errors."""

from typing import TypeVar, get_args

from pydantic import ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, core_schema
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from consumer.settings.env_file import ENV_FILE, env_file_problem
from consumer.settings.secret_files import SecretFiles, UnusableSecretFile, secret_names

_LIBRARY_PROBLEMS = set(get_args(core_schema.ErrorType)) - {"value_error"}


class SettingsError(Exception):
    """A setting is missing or invalid; the message is one line that names it and the expected value."""


class SettingsGroup(BaseSettings):
    """Settings that are loaded together. A field's description is the expected value, which errors quote."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, extra="ignore", case_sensitive=False, env_ignore_empty=True, frozen=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add secrets from files."""
        files = SecretFiles(settings_cls, env_settings, dotenv_settings)
        return init_settings, files, env_settings, dotenv_settings

    @field_validator("*", mode="before")
    @classmethod
    def _without_quotation_marks(cls, value: object, info: ValidationInfo) -> object:
        """Refuse quotation marks, which `docker run --env-file` and Kubernetes secrets do not remove.

        Secrets have checks of their own: quotation marks may belong to a password.
        """
        if is_in_quotation_marks(value) and info.field_name not in set(secret_names(cls)):
            raise ValueError("is in quotation marks, which are taken for a part of it")
        return value


def is_in_quotation_marks(value: object) -> bool:
    """Return whether a text is enclosed in quotation marks."""
    return isinstance(value, str) and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"


Group = TypeVar("Group", bound=SettingsGroup)


def load(group: type[Group]) -> Group:
    """Read one group of settings from the environment.

    Raises:
        SettingsError: names every variable that is missing or invalid, with the expected value.
    """
    if problem := env_file_problem():
        raise SettingsError(problem)
    try:
        return group()
    except ValidationError as error:
        raise SettingsError(_explain(group, error)) from None
    except UnusableSecretFile as error:
        raise SettingsError(str(error)) from None


def _explain(group: type[SettingsGroup], error: ValidationError) -> str:
    """Return one line, without the value, which may be a secret in the wrong variable."""
    parts = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0])
        wants = group.model_fields[name].description
        what = "is missing" if problem["type"] == "missing" else f"is invalid{_why(problem)}"
        parts.append(f"{name.upper()} {what}; expected: {wants}")
    return " | ".join(parts)


def _why(problem: ErrorDetails) -> str:
    """Return the message of the project's own checks; for the library's the description is clearer."""
    if problem["type"] in _LIBRARY_PROBLEMS:
        return ""
    return f" ({problem['msg'].removeprefix('Value error, ')})"
