"""Settings of PostgreSQL."""

from typing import Literal

from pydantic import Field

from consumer.settings.base import SettingsGroup
from consumer.settings.values import PostgresUrl, Seconds


class DatabaseSettings(SettingsGroup):
    """The connection to PostgreSQL, and how to treat upstream's rows there."""

    database_url: PostgresUrl = Field(description="postgresql://user:password@host:port/database")
    database_pooler: Literal["auto", "none", "transaction"] = Field(
        "auto",
        description="auto, none or transaction: whether a pooler such as PgBouncer in transaction mode is in between",
    )
    database_pool_size: int = Field(5, ge=2, le=100, description="whole number from 2 to 100: connections")
    reference_rows: Literal["ensure", "require"] = Field("ensure", description="ensure or require")
    reference_wait_s: Seconds = Field(
        600, description="seconds that a request waits for rows that upstream has not committed"
    )
