"""How a post is produced: at once at the full price, or later at a lower one."""

from typing import Literal

Delivery = Literal["live", "flex", "batch"]
"""`flex` is a call at the provider's flex tier, `batch` a line of a batch."""

RequestedDelivery = Literal["live", "batch"]
"""What an event, a tenant or a person may request."""
