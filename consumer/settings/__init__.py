"""Settings from the environment (and `.env`): typed, bounded, secrets never printed.

Each command loads only the group it needs, so that `migrate` runs without a Kafka address.
"""

from pathlib import Path
from typing import Literal

from pydantic import DirectoryPath, Field

from consumer.settings.base import SettingsError, SettingsGroup, load
from consumer.settings.batches import BatchSettings
from consumer.settings.database import DatabaseSettings
from consumer.settings.kafka import KafkaSettings, TopicSettings
from consumer.settings.llm import LlmSettings, PostSettings
from consumer.settings.registry import RegistrySettings
from consumer.settings.tracing import TracingSettings
from consumer.settings.values import Seconds

__all__ = [
    "BatchSettings",
    "CapacitySettings",
    "DatabaseSettings",
    "KafkaSettings",
    "LlmSettings",
    "LogSettings",
    "PostSettings",
    "RegistrySettings",
    "Settings",
    "SettingsError",
    "TopicSettings",
    "TracingSettings",
    "load",
]


class LogSettings(SettingsGroup):
    """Logging."""

    log_format: Literal["json", "console"] = Field("json", description="json or console")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")


class CapacitySettings(SettingsGroup):
    """The capacity of one consumer."""

    max_in_flight: int = Field(
        200, ge=1, le=10_000, description="whole number from 1 to 10000: posts being written at once"
    )
    fair_shares: bool = Field(
        default=True,
        description="true or false; true shares slots between tenants, false is first come, first served",
    )
    read_ahead: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="whole number from 1 to 1000000: requests that a process queues in the ledger, beyond its slots",
    )


class Settings(
    KafkaSettings,
    RegistrySettings,
    DatabaseSettings,
    LlmSettings,
    BatchSettings,
    CapacitySettings,
    LogSettings,
    TracingSettings,
):
    """All settings of the consumer."""

    max_attempts: int = Field(5, ge=1, le=100, description="whole number from 1 to 100")
    dead_letter_max_run: int = Field(
        500, ge=1, description="whole number from 1: invalid records in a row after which the program stops"
    )
    dead_letter_max_ratio: float = Field(
        0.5, gt=0, le=1, description="number up to 1: share of invalid records after which it stops; 1 for never"
    )
    ignored_max_run: int = Field(
        500, ge=1, description="whole number from 1: records of other types in a row after which the program stops"
    )
    ignored_max_ratio: float = Field(
        0.5, gt=0, le=1, description="number up to 1: share of other types after which it stops; 1 for a shared topic"
    )
    lease_s: Seconds = Field(90, description="seconds after which another process may take over a request")
    max_takeovers: int = Field(
        3,
        ge=1,
        le=100,
        description="whole number from 1 to 100: lost processes in a row after which their request is at fault",
    )
    retry_base_s: Seconds = Field(1, description="seconds: upper end of the first retry's random wait")
    retry_max_s: Seconds = Field(300, description="seconds: the longest wait between two attempts")
    probe_s: Seconds = Field(
        5, description="seconds after which a provider that fails is tried again; doubles up to a minute"
    )
    spool_dir: DirectoryPath = Field(
        Path(),
        description="directory, preferably on a volume, for paid results that cannot be stored before shutdown; "
        "default: the working directory",
    )
    shutdown_grace_s: Seconds = Field(
        25,
        description="seconds that calls in flight get after SIGTERM; an orchestrator waits 20 s more",
    )
    ops_host: str = Field("127.0.0.1", description="address the health and metrics server listens on")
    metrics_tenants: int = Field(
        0,
        ge=0,
        le=1_000,
        description="whole number from 0 to 1000: how many tenants, the first ones seen, have metrics of their own",
    )
    ops_port: int = Field(8080, ge=0, le=65_535, description="port number, 0 picks a free one")
