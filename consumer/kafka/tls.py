"""TLS to the brokers: their CA, and a client certificate with its key, which may have a passphrase."""

import ssl
from contextlib import suppress
from pathlib import Path

from consumer.settings import KafkaSettings


class UnusableCertificate(Exception):
    """A certificate file is unusable; the message names the setting."""


def tls_context(settings: KafkaSettings) -> ssl.SSLContext:
    """Return a context that verifies the broker's certificate and its host name.

    Raises:
        UnusableCertificate: a file is invalid, or key, certificate and passphrase do not match.
    """
    try:
        context = ssl.create_default_context(cafile=_text(settings.kafka_ssl_cafile))
    except OSError as error:
        raise UnusableCertificate(f"KAFKA_SSL_CAFILE holds no usable certificate ({_reason(error)})") from None
    if settings.kafka_ssl_certfile is not None:
        _load_own_certificate(context, settings.kafka_ssl_certfile, settings)
    return context


def _load_own_certificate(context: ssl.SSLContext, certificate: Path, settings: KafkaSettings) -> None:
    passphrase = settings.kafka_ssl_key_password
    # an empty passphrase, since OpenSSL would otherwise ask on the terminal
    given = passphrase.get_secret_value() if passphrase else ""
    try:
        context.load_cert_chain(certificate, settings.kafka_ssl_keyfile, given)
    except (OSError, ValueError) as error:
        raise UnusableCertificate(_own_problem(error, settings)) from None


def _own_problem(error: Exception, settings: KafkaSettings) -> str:
    if _reason(error) == "KEY_VALUES_MISMATCH":
        return "KAFKA_SSL_KEYFILE is not the key of KAFKA_SSL_CERTFILE"
    if _is_encrypted(settings.kafka_ssl_keyfile or settings.kafka_ssl_certfile):
        if settings.kafka_ssl_key_password is None:
            return "KAFKA_SSL_KEYFILE has a passphrase: set KAFKA_SSL_KEY_PASSWORD"
        return "KAFKA_SSL_KEY_PASSWORD does not open KAFKA_SSL_KEYFILE"
    return f"KAFKA_SSL_CERTFILE or KAFKA_SSL_KEYFILE cannot be used ({_reason(error)})"


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__)


def _is_encrypted(key: Path | None) -> bool:
    with suppress(OSError):
        return key is not None and b"ENCRYPTED" in key.read_bytes()
    return False


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
