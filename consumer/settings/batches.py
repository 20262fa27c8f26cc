"""Settings of batches at a provider."""

from typing import Literal

from pydantic import Field

from consumer.settings.base import SettingsGroup
from consumer.settings.values import Seconds


class BatchSettings(SettingsGroup):
    """When batches are sent and polled, and what happens to requests that get no post from them."""

    batch_max_wait_s: Seconds = Field(
        900, description="seconds: the longest time a request waits for others before its batch is sent"
    )
    batch_max_requests: int = Field(
        50_000,
        ge=1,
        le=50_000,
        description="whole number from 1 to 50000: requests at which a batch is sent at once",
    )
    batch_poll_s: Seconds = Field(60, description="seconds between two polls of a batch")
    batch_confirm_s: Seconds = Field(
        120, description="seconds to search for a batch whose creation got no response, before it is created again"
    )
    batch_fallback: Literal["none", "live"] = Field(
        "none",
        description="none or live: how to continue a request without a post after MAX_ATTEMPTS batches; "
        "live pays the full price",
    )
