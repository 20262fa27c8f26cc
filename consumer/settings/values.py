"""The value types of settings: each validates its value and removes white space around it where that is safe."""

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from repository.database_url import UnusableUrl, are_hosts, read_database_url
from schemas.quality import QualityRule

_ONE_WORD = re.compile(r"[!-~]+")  # valid in a URL and a header without escaping: ASCII without spaces and controls


_VARIABLE = re.compile(r"(?:export )?[A-Z]+(?:_[A-Z]+)+=")


def _postgres_url(url: SecretStr) -> SecretStr:
    trimmed = url.get_secret_value().strip()
    try:
        read_database_url(trimmed)
    except UnusableUrl as error:
        raise PydanticCustomError("database_url", "{problem}", {"problem": str(error)}) from None
    return SecretStr(trimmed)


def _host_ports(servers: str) -> str:
    if not are_hosts(servers):
        raise ValueError("is not a list of host:port")
    return servers


def _http_parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        has_address = bool(parts.hostname) and parts.port != 0  # the port is validated only on access
    except ValueError:
        return None
    return parts if has_address and parts.scheme in {"http", "https"} and _ONE_WORD.fullmatch(url) else None


def _http_url(url: str) -> str:
    parts = _http_parts(url.strip())
    if parts is None:
        raise ValueError("is not an http:// or https:// URL")
    if parts.username or parts.fragment:
        raise ValueError("has a user name or a # part, which no request can carry")
    return parts.geturl()


def _base_url(url: str) -> str:
    parts = urlsplit(_http_url(url))
    path = parts.path.rstrip("/")
    if path.endswith("/chat/completions"):
        raise ValueError("ends in /chat/completions, which is added to it")
    return parts._replace(path=path).geturl()


def _api_key(key: SecretStr) -> SecretStr:
    """Strip white space from a key, as left by a mounted file or a copied line."""
    trimmed = key.get_secret_value().strip()
    if trimmed[:1] in {'"', "'"}:
        raise ValueError("is in quotation marks, which belong to no key")
    if _VARIABLE.match(trimmed):
        raise ValueError("begins with a variable's name and =, which belong to no key")
    if not _ONE_WORD.fullmatch(trimmed):
        raise ValueError(
            "is blank, or has a character inside that no key has (a line break, a space, a letter of no key)"
        )
    return SecretStr(trimmed)


def _password(secret: SecretStr) -> SecretStr:
    """Strip the trailing line break of a mounted file from a password; all else may belong to it."""
    return SecretStr(secret.get_secret_value().rstrip("\r\n"))


def _split_at_commas(value: object) -> object:
    """Split a comma-separated list; anything else is left to the field's own type."""
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


Seconds = Annotated[float, Field(gt=0, le=86_400)]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
EventTypeNames = Annotated[str, Field(pattern=r"^\s*[a-zA-Z0-9_.:/-]{1,100}\s*(,\s*[a-zA-Z0-9_.:/-]{1,100}\s*)*$")]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_at_commas)]
RuleNames = Annotated[tuple[QualityRule, ...], NoDecode, BeforeValidator(_split_at_commas)]
ApiKey = Annotated[SecretStr, AfterValidator(_api_key)]
Password = Annotated[SecretStr, AfterValidator(_password)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
BrokerAddresses = Annotated[str, AfterValidator(_host_ports)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
