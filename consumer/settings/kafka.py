"""Which topics there are, and how to reach the brokers."""

from typing import Literal

from pydantic import Field, FilePath, SecretStr, ValidationInfo, field_validator

from consumer.settings.base import SettingsGroup
from consumer.settings.values import BrokerAddresses, EventTypeNames, Password, TopicName
from schemas.event_types import EventTypes


class TopicSettings(SettingsGroup):
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

    kafka_bootstrap_servers: BrokerAddresses = Field(description="host:port, several separated by commas")
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
