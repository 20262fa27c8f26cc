"""Ids: of feeds, in the order of time; of outgoing events, the same each time the same fact is announced.

Nobody must be kept from guessing them, so the random part needs no system call for each.
"""

import random
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6093fa2c-39e2-42f7-ac82-e803c8150268")
"""Fixed for good: another value would give every event a second identity."""

_MS_PER_S: Final = 1_000


def new_feed_id(created_at: datetime) -> UUID:
    """Return a new id for a feed: a UUID of version 7 (RFC 9562), so that its index grows at the end only."""
    created_at_ms = int(created_at.timestamp() * _MS_PER_S)
    return UUID(int=created_at_ms << 80 | 7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62))


def created_event_id(instagram_feed_id: UUID) -> UUID:
    """Return the id of the event that announces this feed."""
    return uuid5(_NAMESPACE, f"instagram_feed.created/{instagram_feed_id}")


def failed_event_id(overlay_id: UUID, revision: int, fencing_token: int) -> UUID:
    """Return the id of the event that announces this claim's failure.

    The fencing token is part of it: a request that was retried may fail again, as another fact.
    """
    return uuid5(_NAMESPACE, f"instagram_feed.failed/{overlay_id}/{revision}/{fencing_token}")
