"""How this program talks to Kafka: clients built from settings, with the safe options set."""

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from consumer.kafka.tls import tls_context
from consumer.kafka.tokens import token_provider
from consumer.kafka.topics import MAX_RECORD_BYTES
from consumer.settings import KafkaSettings

TOKEN_MECHANISMS = frozenset({"OAUTHBEARER", "AWS_MSK_IAM"})
# What aiokafka's client looks at again for each connection; it has no public way of changing it.
RENEWABLE = frozenset({"sasl_plain_password", "sasl_oauth_token_provider", "ssl_context"})
PRODUCER_LINGER_MS = 2
# A batch of what is published together; with aiokafka's 16 KiB each ten events would be a request of their own.
PRODUCER_BATCH_BYTES = 65_536
# What is fetched ahead waits in memory, for each partition; a larger record still comes, alone.
MAX_PARTITION_FETCH_BYTES = 262_144


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the options all three kinds of client share."""
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
    """Have a client's later connections log in as the settings say now; those that are open stay."""
    options = connection_options(settings)
    connections = client._client if isinstance(client, AIOKafkaConsumer) else client.client  # noqa: SLF001 - no other way
    for name in RENEWABLE & options.keys():
        setattr(connections, f"_{name}", options[name])


def build_consumer(settings: KafkaSettings) -> AIOKafkaConsumer:
    """Return what the intake reads with: partitions are assigned by hand, the group only keeps the committed offsets.

    Bytes come out as they are: a raising deserializer would wedge a partition (#744). No offset is chosen in silence.
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
    """Build a consumer outside any group, for reading a range: it takes nobody's partition and commits nothing."""
    return AIOKafkaConsumer(
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=MAX_PARTITION_FETCH_BYTES,
        **connection_options(settings),
    )


def build_producer(settings: KafkaSettings) -> AIOKafkaProducer:
    """Return the producer for created and failed events and dead letters."""
    return AIOKafkaProducer(
        acks="all",
        enable_idempotence=settings.kafka_enable_idempotence,
        linger_ms=PRODUCER_LINGER_MS,
        max_batch_size=PRODUCER_BATCH_BYTES,
        max_request_size=MAX_RECORD_BYTES,
        **connection_options(settings),
    )


def build_admin(settings: KafkaSettings) -> AIOKafkaAdminClient:
    """Return the admin client for topics."""
    return AIOKafkaAdminClient(**connection_options(settings))
