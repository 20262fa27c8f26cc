"""Tokens for SASL/OAUTHBEARER: from a token endpoint by the client credentials grant, or signed for Amazon MSK.

aiokafka requests a token for each new connection; a valid one is reused.
"""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote_plus, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from consumer.settings import KafkaSettings

FETCH_S: Final = 5.0
MOST_BYTES: Final = 65_536
RENEWED_BEFORE_END: Final = 0.2  # of a token's lifetime
_UNTOLD_LIFETIME_S: Final = 60.0
_ABOUT_THE_CLIENT: Final = {"invalid_client", "unauthorized_client", "access_denied"}
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN = 400, 401, 403


class TokenUnavailable(KafkaConnectionError):  # type: ignore[misc] # aiokafka has no types
    """No token is available; the message names the setting, never a secret."""

    def __str__(self) -> str:
        return str(self.args[0])


class Token(NamedTuple):
    """A token, and its lifetime in seconds."""

    text: str
    lifetime_s: float


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]
    """Caches a token for its lifetime. `fetch` gets a new one and may block."""

    def __init__(self, fetch: Callable[[], Token]) -> None:
        self._fetch = fetch
        self._token = ""
        self._good_until_s = float("-inf")
        self._fetching = asyncio.Lock()

    async def token(self) -> str:
        """Return a valid token.

        Raises:
            TokenUnavailable: no token can be obtained now.
        """
        async with self._fetching:
            if time.monotonic() >= self._good_until_s:
                asked_s = time.monotonic()
                self._token, lifetime_s = await asyncio.to_thread(self._fetch)
                self._good_until_s = asked_s + lifetime_s * (1 - RENEWED_BEFORE_END)
        return self._token


def token_provider(settings: KafkaSettings) -> TokenProvider:
    """Return the token provider for the mechanism of the settings."""
    if settings.kafka_sasl_mechanism == "AWS_MSK_IAM":
        return TokenProvider(lambda: signed_for_msk(str(settings.kafka_aws_region)))
    return TokenProvider(lambda: granted(settings))


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirects, which would carry the client secret to another address."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - urllib's
        return None


_OPENER = build_opener(_NoRedirect)


def granted(settings: KafkaSettings) -> Token:
    """Request a token from the endpoint; blocks.

    Raises:
        TokenUnavailable: it does not respond, refuses, or responds without a token.
    """
    url = str(settings.kafka_oauth_token_url)
    try:
        with _OPENER.open(_grant_request(url, settings), timeout=FETCH_S) as answer:
            content = answer.read(MOST_BYTES)
    except HTTPError as error:
        raise TokenUnavailable(f"KAFKA_OAUTH_TOKEN_URL: {url} {_refusal(error)}") from None
    except (OSError, HTTPException) as error:
        raise TokenUnavailable(f"KAFKA_OAUTH_TOKEN_URL: {url} cannot be reached ({_cause(error)})") from None
    return _token_in(content, url)


def _grant_request(url: str, settings: KafkaSettings) -> Request:
    secret = settings.kafka_oauth_client_secret
    client = f"{quote_plus(settings.kafka_oauth_client_id or '')}:"
    client += quote_plus(secret.get_secret_value() if secret else "")
    form = {"grant_type": "client_credentials"}
    if settings.kafka_oauth_scope:
        form["scope"] = settings.kafka_oauth_scope
    headers = {"Authorization": f"Basic {b64encode(client.encode()).decode()}", "Accept": "application/json"}
    return Request(url, data=urlencode(form).encode(), headers=headers)  # noqa: S310 - the setting is http(s)


def _refusal(error: HTTPError) -> str:
    code = _error_code(error)
    if code == "invalid_scope":
        return "refuses KAFKA_OAUTH_SCOPE"
    if error.code in {_UNAUTHORIZED, _FORBIDDEN} or code in _ABOUT_THE_CLIENT:
        return f"refuses KAFKA_OAUTH_CLIENT_ID or KAFKA_OAUTH_CLIENT_SECRET (HTTP {error.code})"
    return f"gives no token (HTTP {error.code})"


def _error_code(error: HTTPError) -> str:
    """Return the error code of RFC 6749, section 5.2; the rest of the response may quote the secret."""
    try:
        code = _object_in(error.read(MOST_BYTES)).get("error")
    except (OSError, HTTPException):
        return ""
    return code if isinstance(code, str) else ""


def _object_in(content: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _token_in(content: bytes, url: str) -> Token:
    answer = _object_in(content)
    text, lifetime_s = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not text:
        raise TokenUnavailable(f"KAFKA_OAUTH_TOKEN_URL: {url} answers without an access_token")
    if not isinstance(lifetime_s, int | float) or lifetime_s <= 0:
        lifetime_s = _UNTOLD_LIFETIME_S
    return Token(text, lifetime_s)


def _cause(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    told = getattr(cause, "verify_message", None) or getattr(cause, "strerror", None)
    return str(told or (cause if isinstance(cause, str) else type(cause).__name__))


def signed_for_msk(region: str) -> Token:
    """Sign a token with the credentials that the AWS SDK finds; blocks.

    Raises:
        TokenUnavailable: the extra is not installed, or no credentials are found.
    """
    try:
        from aws_msk_iam_sasl_signer.MSKAuthTokenProvider import generate_auth_token  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        needed = "pip install 'instagram-feed-consumer[msk]'"
        raise TokenUnavailable(f"KAFKA_SASL_MECHANISM AWS_MSK_IAM needs {error.name}: {needed}") from None
    try:
        text, ends_at_ms = generate_auth_token(region)
    except Exception as error:  # noqa: BLE001 - the SDK's have no common root
        raise TokenUnavailable(
            f"KAFKA_SASL_MECHANISM AWS_MSK_IAM: AWS gives no credentials to sign with ({type(error).__name__})"
        ) from None
    return Token(text, ends_at_ms / 1_000 - time.time())
