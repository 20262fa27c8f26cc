"""A failed overlay that is sent again: tried again if its content has changed, else a duplicate."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from consumer.pipeline.classified_records import Event
from consumer.pipeline.in_flight import ClaimTerms
from repository.pool import Connection
from repository.reopened_requests import failed_sources, reopen_corrected
from repository.requests import ClaimedRequest, NewRequest
from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.overlay_completed import OverlayCompleted
from schemas.record import SourceRecord

NOT_CONTENT = {"event_id", "event_type", "occurred_at"}


async def claim_corrected(
    connection: Connection,
    known: Mapping[UUID, Event],
    terms: ClaimTerms,
    *,
    to_wait: bool = False,
    by_batch: bool = False,
) -> list[ClaimedRequest]:
    """Claim failed overlays that are sent again with changed content; this reopens revision 1.

    With `to_wait` they are queued without a lease, for any process, or with `by_batch` for a batch.
    """
    failed = await failed_sources(connection, list(known)) if known else {}
    sent = [(known[overlay_id], stored) for overlay_id, stored in failed.items()]
    corrected = [event for event, stored in sent if _differs(event, stored, terms)]
    if not corrected:
        return []
    return await reopen_corrected(
        connection,
        [NewRequest.first(event, source) for source, event in corrected],
        owner=None if to_wait else terms.owner,
        lease_s=0.0 if to_wait else terms.lease_s,
        group_id=terms.group_id,
        by_batch=by_batch,
    )


def _differs(sent: Event, stored: SourceRecord, terms: ClaimTerms) -> bool:
    try:
        before = decode_overlay_completed(stored, max_event_bytes=terms.max_event_bytes, event_types=terms.event_types)
    except (InvalidEvent, IgnoredEvent):
        return True
    return content_of(sent[1]) != content_of(before)


def content_of(event: OverlayCompleted) -> dict[str, Any]:
    """Return the fields that a post depends on: all but those that differ between two sendings of the same event."""
    return event.model_dump(exclude=NOT_CONTENT)
