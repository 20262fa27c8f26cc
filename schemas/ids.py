"""Ids: time-ordered for feeds; deterministic for outgoing events, so that copies share them.

They need not be unpredictable, so the random part needs no system call.
"""

import random
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6093fa2c-39e2-42f7-ac82-e803c8150268")
"""Must never change: another value would give every event a second id."""

_MS_PER_S: Final = 1_000


def new_feed_id(created_at: datetime) -> UUID:
    """Return a new feed id: a version 7 UUID (RFC 9562), so that its index grows only at the end."""
    created_at_ms = int(created_at.timestamp() * _MS_PER_S)
    return UUID(int=created_at_ms << 80 | 7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62))


def created_event_id(instagram_feed_id: UUID) -> UUID:
    """Return the id of this feed's created event."""
    return uuid5(_NAMESPACE, f"instagram_feed.created/{instagram_feed_id}")


def failed_event_id(overlay_id: UUID, revision: int, fencing_token: int) -> UUID:
    """Return the id of the failed event of this claim.

    It depends on the fencing token: a retried request that fails again has another event.
    """
    return uuid5(_NAMESPACE, f"instagram_feed.failed/{overlay_id}/{revision}/{fencing_token}")
