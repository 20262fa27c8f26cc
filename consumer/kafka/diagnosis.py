"""Why the brokers cannot be reached, in one line that names the setting, which clients do not tell.

Each bootstrap address is tried as a client would, up to the login, and then each address that the broker advertises,
since clients connect to those.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from consumer.kafka.clients import connection_options
from consumer.kafka.tls import UnusableCertificate
from consumer.kafka.tokens import TokenUnavailable
from consumer.settings import KafkaSettings

ANSWER_S = 3.0
_UNKNOWN_ISSUER = {18, 19, 20, 21}  # OpenSSL: self-signed, or without a CA that is known here

# TLS alerts by which a broker refuses our certificate.
_ABOUT_OUR_CERTIFICATE = ("CERTIFICATE_EXPIRED", "CERTIFICATE_UNKNOWN", "BAD_CERTIFICATE", "ALERT_UNKNOWN_CA")


@dataclass(frozen=True, slots=True)
class _Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def connection_problem(settings: KafkaSettings) -> str | None:
    """Return the first problem that prevents connections to the brokers; None if there is none (any more)."""
    try:
        options = await _client_options(settings)
    except (TokenUnavailable, UnusableCertificate) as error:
        return str(error)
    bootstrap = [
        _Address(host, port) for host, port, _ in collect_hosts(settings.kafka_bootstrap_servers, randomize=False)
    ]
    problems = []
    for address in bootstrap:
        try:
            advertised = await _brokers(address, options)
        except (OSError, KafkaError, TimeoutError) as error:
            problems.append(f"{address} {_said(error, settings)}")
        else:
            return await _advertised_problem(address, advertised, settings, options)
    return f"KAFKA_BOOTSTRAP_SERVERS: {'; '.join(problems)}"


async def _advertised_problem(
    bootstrap: _Address, advertised: Sequence[_Address], settings: KafkaSettings, options: Mapping[str, Any]
) -> str | None:
    problems = []
    for address in advertised:
        try:
            await _brokers(address, options)
        except (OSError, KafkaError, TimeoutError) as error:
            problems.append(f"{address}, which {_said(error, settings)}")
    if not problems:
        return None
    return (
        f"KAFKA_BOOTSTRAP_SERVERS: {bootstrap} answers, but the broker advertises {'; '.join(problems)} "
        "(its advertised.listeners must be reachable from here)"
    )


async def _client_options(settings: KafkaSettings) -> Mapping[str, Any]:
    """Return the options of every connection, with a token if needed."""
    options = connection_options(settings)
    del options["bootstrap_servers"]
    if tokens := options.get("sasl_oauth_token_provider"):
        await tokens.token()
    return options


async def _brokers(address: _Address, options: Mapping[str, Any]) -> list[_Address]:
    """Return the addresses that the brokers advertise."""
    await _resolve(address)
    async with asyncio.timeout(ANSWER_S):
        connection: Any = await create_conn(address.host, address.port, **options)
        with closing(connection):
            metadata = await connection.send(MetadataRequest([]))
    if not metadata.brokers and "sasl_oauth_token_provider" in options:
        # aiokafka takes a refused token for accepted, and the broker's response for an empty cluster
        raise SaslAuthenticationFailed
    return [_Address(host, port) for _, host, port, *_ in metadata.brokers]


async def _resolve(address: _Address) -> None:
    try:
        async with asyncio.timeout(ANSWER_S):
            await asyncio.get_running_loop().getaddrinfo(address.host, address.port)
    except TimeoutError:
        raise socket.gaierror(socket.EAI_AGAIN, f"the resolver does not answer within {ANSWER_S:g} s") from None


def _said(error: BaseException, settings: KafkaSettings) -> str:  # noqa: PLR0911 - one line for each
    """Describe the failure of an address, to follow its name; never contains a secret."""
    protocol = settings.kafka_security_protocol
    match error:
        case ssl.SSLError() | ConnectionResetError() if protocol.endswith("SSL"):
            return _said_of_tls(error, protocol)
        case socket.gaierror():
            return f"is a name that cannot be resolved: {error.strerror}"
        case ConnectionRefusedError():
            return "refuses connections: nothing listens there"
        case TimeoutError():
            return f"does not answer within {ANSWER_S:g} s"
        case SaslAuthenticationFailed():
            return f"refuses the login: {_login_settings(settings)}"
        case UnsupportedSaslMechanismError():
            return f"does not offer KAFKA_SASL_MECHANISM {settings.kafka_sasl_mechanism}"
        case IllegalSaslStateError():
            return f"does not use SASL (KAFKA_SECURITY_PROTOCOL is {protocol})"
        case OSError() if error.strerror:
            return f"cannot be reached: {error.strerror}"
        case _:
            return _closed(settings)


def _login_settings(settings: KafkaSettings) -> str:
    match settings.kafka_sasl_mechanism:
        case "OAUTHBEARER":
            return (
                "the token of KAFKA_OAUTH_TOKEN_URL is expired, of another issuer, or without the scope that the "
                "broker wants (KAFKA_OAUTH_SCOPE)"
            )
        case "AWS_MSK_IAM":
            return "its IAM policy does not let these AWS credentials connect, or KAFKA_AWS_REGION is another one's"
        case _:
            return "KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is wrong"


def _said_of_tls(error: OSError, protocol: str) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            hint = " (KAFKA_SSL_CAFILE)" if error.verify_code in _UNKNOWN_ISSUER else ""
            return f"shows a certificate that is not accepted: {error.verify_message.rstrip('.')}{hint}"
        case ssl.SSLError() if "CERTIFICATE_REQUIRED" in str(error):
            return "wants a client certificate (KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE)"
        case ssl.SSLError() if any(alert in str(error) for alert in _ABOUT_OUR_CERTIFICATE):
            return "does not take the client certificate (KAFKA_SSL_CERTFILE: expired, or its CA)"
        case _:
            return f"breaks off the TLS handshake: it may not speak TLS (KAFKA_SECURITY_PROTOCOL is {protocol})"


def _closed(settings: KafkaSettings) -> str:
    """Describe a port that accepts the connection and closes it at the first request: it expects something else."""
    protocol = settings.kafka_security_protocol
    if protocol.endswith("SSL") and settings.kafka_ssl_certfile is None:
        return (
            "closes the connection: it may want a client certificate (KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE), or "
            f"another KAFKA_SECURITY_PROTOCOL than {protocol}"
        )
    if protocol.endswith("SSL"):
        return "closes the connection: it does not take the client certificate (KAFKA_SSL_CERTFILE: expired, or its CA)"
    return f"closes the connection: it may want another KAFKA_SECURITY_PROTOCOL than {protocol}"
