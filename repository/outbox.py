"""The outbox: events that are committed but not yet published. Published ones are deleted.

Events are claimed by state, never by "greater than the last id": ids commit out of order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from repository.pool import Connection
from schemas.record import OutgoingRecord, unpack_headers


@dataclass(frozen=True, slots=True)
class NewOutboxEvent:
    """An event for the outbox; `event_id` identifies it, also when it is sent twice."""

    event_id: UUID
    record: OutgoingRecord


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """One event to publish; `outbox_id` identifies its row."""

    outbox_id: int
    event_id: UUID
    record: OutgoingRecord


@dataclass(frozen=True, slots=True)
class UnreadableEvent:
    """A row of the outbox of which no record can be made: somebody changed it by hand."""

    outbox_id: int
    event_id: UUID
    problem: str


_CLAIM_PENDING = """
    UPDATE outbox_events
    SET available_at = now() + $1 * interval '1 second'
    WHERE outbox_id IN (
        SELECT outbox_id
        FROM outbox_events
        WHERE available_at <= now()
        ORDER BY available_at, outbox_id
        LIMIT $2
        FOR UPDATE SKIP LOCKED)
    RETURNING outbox_id, event_id, topic, message_key, payload, headers
"""


async def claim_pending(
    connection: Connection, *, lease_s: float, limit: int
) -> tuple[list[OutboxEvent], list[UnreadableEvent]]:
    """Lease at most `limit` events that no relay has leased, oldest first; returns unreadable rows separately."""
    rows = await connection.fetch(_CLAIM_PENDING, lease_s, limit)
    events: list[OutboxEvent] = []
    unreadable: list[UnreadableEvent] = []
    for outbox_id, event_id, topic, key, value, packed in sorted(rows, key=lambda row: int(row["outbox_id"])):
        try:
            headers = unpack_headers(packed)
        except ValueError as error:
            unreadable.append(UnreadableEvent(outbox_id, event_id, str(error)))
        else:
            events.append(OutboxEvent(outbox_id, event_id, OutgoingRecord(topic, key, value, headers)))
    return events, unreadable


# A locked row must not hold up the others: its event is sent once more, byte-identical.
_DELETE_PUBLISHED = """
    DELETE FROM outbox_events
    WHERE outbox_id = ANY (ARRAY(
        SELECT outbox_id FROM outbox_events WHERE outbox_id = ANY($1::bigint[]) FOR UPDATE SKIP LOCKED))
"""


async def delete_published(connection: Connection, outbox_ids: Sequence[int]) -> None:
    """Delete events that the broker acknowledged."""
    await connection.execute(_DELETE_PUBLISHED, outbox_ids)


_GIVE_BACK = """
    UPDATE outbox_events
    SET available_at = now() + $2 * interval '1 second'
    WHERE outbox_id = ANY (ARRAY(
        SELECT outbox_id FROM outbox_events WHERE outbox_id = ANY($1::bigint[]) FOR UPDATE SKIP LOCKED))
"""


async def give_back(connection: Connection, outbox_ids: Sequence[int], *, delay_s: float) -> None:
    """Make events that could not be sent available to any relay after `delay_s`."""
    await connection.execute(_GIVE_BACK, outbox_ids, delay_s)


_SET_APART = """
    UPDATE outbox_events
    SET available_at = 'infinity'
    WHERE outbox_id = ANY (ARRAY(
        SELECT outbox_id FROM outbox_events WHERE outbox_id = ANY($1::bigint[]) FOR UPDATE SKIP LOCKED))
"""


async def set_apart(connection: Connection, outbox_ids: Sequence[int]) -> None:
    """Have no relay take these events until somebody has repaired them and set `available_at`."""
    await connection.execute(_SET_APART, outbox_ids)
