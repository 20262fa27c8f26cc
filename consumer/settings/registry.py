"""The schema registry, if there is one."""

from pydantic import Field, FilePath

from consumer.settings.kafka import TopicSettings
from consumer.settings.values import BaseUrl, Password


class RegistrySettings(TopicSettings):
    """A schema registry, whose ids frame outgoing events."""

    schema_registry_url: BaseUrl | None = Field(
        None,
        description="http:// or https:// URL of a registry with Confluent's API: created and failed events are then "
        "framed with the ids of their schemas; needs the extra 'registry'",
    )
    schema_registry_username: str | None = Field(None, description="user name, or API key, for the registry")
    schema_registry_password: Password | None = Field(None, description="password, or API secret, for the registry")
    schema_registry_cafile: FilePath | None = Field(None, description="path of the PEM file with the registry's CA")
