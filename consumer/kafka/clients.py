"""Kafka clients, built from settings with safe options."""

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from consumer.kafka.tls import tls_context
from consumer.kafka.tokens import token_provider
from consumer.kafka.topics import MAX_RECORD_BYTES
from consumer.settings import KafkaSettings

TOKEN_MECHANISMS = frozenset({"OAUTHBEARER", "AWS_MSK_IAM"})
# The attributes that aiokafka's client reads for each connection; there is no public way of changing them.
RENEWABLE = frozenset({"sasl_plain_password", "sasl_oauth_token_provider", "ssl_context"})
PRODUCER_LINGER_MS = 2
# Large enough for all that is published together; with aiokafka's 16 KiB every ten events would be a request.
PRODUCER_BATCH_BYTES = 65_536
# Fetched records wait in memory, per partition; a larger record is still fetched, alone.
MAX_PARTITION_FETCH_BYTES = 262_144


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the options that all kinds of clients share."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "client_id": settings.kafka_client_id,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.startswith("SASL_"):
        options |= _login(settings)
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = tls_context(settings)
    return options


def _login(settings: KafkaSettings) -> dict[str, Any]:
    if settings.kafka_sasl_mechanism in TOKEN_MECHANISMS:
        return {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": token_provider(settings)}
    password = settings.kafka_sasl_password
    return {
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
    }


def renew_login(client: Any, settings: KafkaSettings) -> None:  # noqa: ANN401 - a consumer or a producer of aiokafka
    """Let a client's later connections log in with the current settings; open ones stay."""
    options = connection_options(settings)
    connections = client._client if isinstance(client, AIOKafkaConsumer) else client.client  # noqa: SLF001 - there is no public way
    for name in RENEWABLE & options.keys():
        setattr(connections, f"_{name}", options[name])


def build_consumer(settings: KafkaSettings) -> AIOKafkaConsumer:
    """Build the intake's consumer: partitions are assigned manually, the group only stores committed offsets.

    Values are raw bytes: a raising deserializer would block a partition (#744). No offset is chosen silently.
    """
    return AIOKafkaConsumer(
        group_id=settings.kafka_group_id,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_partition_fetch_bytes=MAX_PARTITION_FETCH_BYTES,
        **connection_options(settings),
    )


def build_reader(settings: KafkaSettings) -> AIOKafkaConsumer:
    """Build a consumer outside any group, for reading a range: it takes no partitions and commits nothing."""
    return AIOKafkaConsumer(
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=MAX_PARTITION_FETCH_BYTES,
        **connection_options(settings),
    )


def build_producer(settings: KafkaSettings) -> AIOKafkaProducer:
    """Build the producer for created and failed events and dead letters."""
    return AIOKafkaProducer(
        acks="all",
        enable_idempotence=settings.kafka_enable_idempotence,
        linger_ms=PRODUCER_LINGER_MS,
        max_batch_size=PRODUCER_BATCH_BYTES,
        max_request_size=MAX_RECORD_BYTES,
        **connection_options(settings),
    )


def build_admin(settings: KafkaSettings) -> AIOKafkaAdminClient:
    """Build the admin client for topics."""
    return AIOKafkaAdminClient(**connection_options(settings))
