"""Retrying failed requests, live or by batch."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from consumer.operations.delivery import Deliveries
from consumer.settings import TopicSettings
from repository.operations.request_queries import FailedRequest, RequestFilter, failed_requests, retry_failed
from repository.pool import Connection
from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.delivery import RequestedDelivery
from schemas.record import SourceRecord

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Retried:
    """The overlays whose requests are retried."""

    live: list[UUID] = field(default_factory=list)
    batched: list[UUID] = field(default_factory=list)

    @property
    def overlay_ids(self) -> list[UUID]:
        """All of them."""
        return [*self.live, *self.batched]


async def retry(
    connection: Connection,
    wanted: RequestFilter,
    deliveries: Deliveries,
    settings: TopicSettings,
    *,
    dry_run: bool = False,
) -> Retried:
    """Retry the matching failed requests, all or none; or only return which ones would be."""
    retried = Retried()
    async with connection.transaction():
        async for some in failed_requests(connection, wanted, at_once=CHUNK):
            chosen = await _chosen(some, deliveries, settings)
            if not dry_run:
                await retry_failed(connection, chosen)
            for request, by_batch in chosen:
                (retried.batched if by_batch else retried.live).append(request.overlay_id)
    return retried


async def _chosen(
    some: Sequence[FailedRequest], deliveries: Deliveries, settings: TopicSettings
) -> list[tuple[FailedRequest, bool]]:
    await deliveries.know(request.tenant_id for request in some)
    return [(one, deliveries.by_batch(one.tenant_id, _told_in(one.source, settings))) for one in some]


def _told_in(source: SourceRecord, settings: TopicSettings) -> RequestedDelivery | None:
    """Return an event's own delivery; None if the event is not valid by a later contract."""
    with suppress(InvalidEvent, IgnoredEvent):
        event = decode_overlay_completed(
            source, max_event_bytes=settings.max_event_bytes, event_types=settings.event_types
        )
        return event.delivery
    return None
