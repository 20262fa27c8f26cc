"""What a new revision takes from a post, or why there can be none."""

from typing import Final
from uuid import UUID

from repository.operations.revision_source import RevisionSource, SourcePosition

UNKNOWN: Final = "unknown"
UNKNOWN_SOURCE: Final = SourcePosition(UNKNOWN, partition=-1, offset=-1, timestamp_ms=-1)
"""-1 is Kafka's value for an unknown offset or timestamp."""


class CannotRevise(Exception):
    """There can be no other revision of the post; the message says why."""


def overlay_of(basis: RevisionSource) -> UUID:
    """Return the overlay to revise.

    Raises:
        CannotRevise: the post has no overlay, or a request for that is in progress.
    """
    feed = basis.feed
    if feed.overlay_id is None:
        raise CannotRevise(f"post {feed.instagram_feed_id} has no overlay, so it has no revisions")
    if basis.pending_revision is not None:
        raise CannotRevise(
            f"overlay {feed.overlay_id} has revision {basis.pending_revision} in progress: "
            f"wait for its end (`instagram-feed feeds history {feed.overlay_id}`)"
        )
    return feed.overlay_id


def event_id_of(basis: RevisionSource) -> str:
    """Return the id of the post's event."""
    return basis.feed.source_event_id or UNKNOWN


def source_of(basis: RevisionSource) -> SourcePosition:
    """Return the position of the post's event; unknown for posts from before the ledger, whose rows have no topic."""
    return basis.source if basis.source and basis.source.topic else UNKNOWN_SOURCE
