"""Secrets from files: NAME_FILE is the path of a file with the value of NAME.

Orchestrators mount secrets like this, and it allows reloading them at run time. A trailing line break is removed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

SUFFIX = "_FILE"
MOST_BYTES = 65_536


class UnusableSecretFile(Exception):
    """A secret's file is unusable; the message names the variable, but never a value or a path."""


def secret_names(group: type[BaseSettings]) -> Iterator[str]:
    """Yield the names of secret fields."""
    return (name for name, field in group.model_fields.items() if _holds_secret(field.annotation))


def _holds_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(map(_holds_secret, get_args(annotation)))


class SecretFiles(PydanticBaseSettingsSource):
    """The values of all secrets from files; the first of `sources` that has a file or a value counts."""

    def __init__(self, group: type[BaseSettings], *sources: PydanticBaseSettingsSource) -> None:
        super().__init__(group)
        self._sources = [source.env_vars for source in sources if isinstance(source, EnvSettingsSource)]

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - pydantic's
        """Return the secret in the form that pydantic expects."""
        return self._secret(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the secrets by field name.

        Raises:
            UnusableSecretFile: a file cannot be read.
        """
        found = {name: self._secret(name) for name in secret_names(self.settings_cls)}
        return {name: secret for name, secret in found.items() if secret is not None}

    def _secret(self, name: str) -> str | None:
        variable = name.upper()
        for values in self._sources:
            value, path = values.get(name), values.get(f"{name}{SUFFIX.lower()}")
            if value and path:
                raise UnusableSecretFile(f"{variable} and {variable}{SUFFIX} are both set; set one of them")
            if path:
                return _read(Path(path), variable)
            if value:
                return None
        return None


def _read(path: Path, variable: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode().rstrip("\r\n")
    except OSError as error:
        raise UnusableSecretFile(f"{variable}{SUFFIX} names no readable file: {error.strerror}") from None
    except ValueError:
        raise UnusableSecretFile(f"{variable}{SUFFIX} names a file that is not UTF-8 text") from None
    if not text or len(content) > MOST_BYTES:
        what = "is empty" if not text else f"is larger than {MOST_BYTES:,} bytes"
        raise UnusableSecretFile(f"{variable}{SUFFIX} names a file that {what}")
    return text
