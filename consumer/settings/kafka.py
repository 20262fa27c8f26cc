"""Topics and brokers."""

from collections.abc import Collection, Mapping
from typing import Literal

from pydantic import Field, FilePath, SecretStr, ValidationInfo, field_validator

from consumer.settings.base import SettingsGroup
from consumer.settings.values import BrokerAddresses, EventTypeNames, HttpUrl, Password, TopicName
from schemas.event_types import EventTypes

_WITH_PASSWORD = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_WITH_TOKEN = ("OAUTHBEARER",)
_NEEDED_FOR: Mapping[str, Collection[str]] = {
    "kafka_sasl_username": _WITH_PASSWORD,
    "kafka_sasl_password": _WITH_PASSWORD,
    "kafka_oauth_token_url": _WITH_TOKEN,
    "kafka_oauth_client_id": _WITH_TOKEN,
    "kafka_oauth_client_secret": _WITH_TOKEN,
    "kafka_aws_region": ("AWS_MSK_IAM",),
}


class TopicSettings(SettingsGroup):
    """The names of the topics, and the accepted events."""

    overlay_completed_topic: TopicName = Field("overlay.completed", description="a Kafka topic name")
    feed_created_topic: TopicName = Field("instagram_feed.created", description="a Kafka topic name")
    feed_failed_topic: TopicName = Field("instagram_feed.failed", description="a Kafka topic name")
    dead_letter_topic: TopicName = Field("overlay.completed.dlq", description="a Kafka topic name")
    feed_outcome_topic: TopicName = Field(
        "instagram_feed.outcome", description="a Kafka topic name; outcomes of posts are read from it"
    )
    max_event_bytes: int = Field(
        262_144, ge=1_024, le=10_485_760, description="whole number of bytes from 1024 to 10485760"
    )
    overlay_event_types: EventTypeNames = Field(
        "overlay.completed", description="event types separated by commas, without namespace and version"
    )

    @property
    def event_types(self) -> EventTypes:
        """The accepted event types, in any spelling."""
        return EventTypes(tuple(name.strip() for name in self.overlay_event_types.split(",")))


class KafkaSettings(TopicSettings):
    """The connection to the brokers."""

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
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"] = Field(
        "PLAIN", description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM (the extra 'msk')"
    )
    kafka_sasl_username: str | None = Field(None, validate_default=True, description="user name for PLAIN and SCRAM")
    kafka_sasl_password: Password | None = Field(
        None, validate_default=True, description="password for PLAIN and SCRAM"
    )
    kafka_oauth_token_url: HttpUrl | None = Field(
        None,
        validate_default=True,
        description="http:// or https:// URL of the token endpoint for OAUTHBEARER (client credentials grant)",
    )
    kafka_oauth_client_id: str | None = Field(
        None, validate_default=True, description="client id for the token endpoint"
    )
    kafka_oauth_client_secret: Password | None = Field(
        None, validate_default=True, description="client secret for the token endpoint"
    )
    kafka_oauth_scope: str | None = Field(
        None, description="scopes to request from the token endpoint, separated by spaces"
    )
    kafka_aws_region: str | None = Field(
        None, validate_default=True, description="AWS region of the brokers, such as ap-northeast-2, for AWS_MSK_IAM"
    )
    kafka_ssl_cafile: FilePath | None = Field(None, description="path of the PEM file with the broker's CA")
    kafka_ssl_certfile: FilePath | None = Field(None, description="path of the PEM file with the client certificate")
    kafka_ssl_keyfile: FilePath | None = Field(None, description="path of the PEM file with the client key")
    kafka_ssl_key_password: Password | None = Field(None, description="passphrase of the client key, if it has one")
    kafka_enable_idempotence: bool = Field(
        default=True, description="true or false; false only for a broker without idempotent producers"
    )

    @field_validator(*_NEEDED_FOR)
    @classmethod
    def _needed_for_sasl(cls, value: str | SecretStr | None, info: ValidationInfo) -> str | SecretStr | None:
        is_sasl = info.data.get("kafka_security_protocol", "").startswith("SASL_")
        mechanism = info.data.get("kafka_sasl_mechanism")
        if value is None and is_sasl and mechanism in _NEEDED_FOR[str(info.field_name)]:
            raise ValueError(f"KAFKA_SECURITY_PROTOCOL asks for SASL, KAFKA_SASL_MECHANISM for {mechanism}")
        return value
