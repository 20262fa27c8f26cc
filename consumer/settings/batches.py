"""Settings of batches at a provider."""

from typing import Literal

from pydantic import Field

from consumer.settings.base import SettingsGroup
from consumer.settings.values import Seconds


class BatchSettings(SettingsGroup):
    """When batches are sent and looked at, and what becomes of requests that they leave without a post."""

    batch_max_wait_s: Seconds = Field(
        900, description="seconds that a request waits at most for others to be sent with it in a batch"
    )
    batch_max_requests: int = Field(
        50_000,
        ge=1,
        le=50_000,
        description="whole number from 1 to 50000: requests of a batch, sent as soon as gathered",
    )
    batch_poll_s: Seconds = Field(60, description="seconds between two looks at a batch")
    batch_confirm_s: Seconds = Field(
        120, description="seconds that a batch whose creation was not answered is looked for before it is created anew"
    )
    batch_fallback: Literal["none", "live"] = Field(
        "none",
        description="none or live: what becomes of a request that MAX_ATTEMPTS batches gave no post; "
        "live pays the full price",
    )
