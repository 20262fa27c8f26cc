"""Ids of outgoing events, the same each time the same fact is announced."""

from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6093fa2c-39e2-42f7-ac82-e803c8150268")
"""Fixed for good: another value would give every event a second identity."""


def created_event_id(instagram_feed_id: UUID) -> UUID:
    """Return the id of the event that announces this feed."""
    return uuid5(_NAMESPACE, f"instagram_feed.created/{instagram_feed_id}")


def failed_event_id(overlay_id: UUID, revision: int, fencing_token: int) -> UUID:
    """Return the id of the event that announces this claim's failure.

    The fencing token is part of it: a request that was retried may fail anew, as another fact.
    """
    return uuid5(_NAMESPACE, f"instagram_feed.failed/{overlay_id}/{revision}/{fencing_token}")
