"""Events put into the outbox as a committed transaction leaves them."""

import asyncpg

from repository.outbox import NewOutboxEvent, OutboxEvent
from repository.pool import Connection, Pool
from schemas.record import pack_headers

_INSERT = """
    INSERT INTO outbox_events (event_id, topic, message_key, payload, headers, available_at)
    VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')
    RETURNING outbox_id
"""


async def put(
    connection: "Pool | Connection | asyncpg.Connection[asyncpg.Record]", event: NewOutboxEvent, *, lease_s: float = 0
) -> OutboxEvent:
    """Leave one event in the outbox; any relay may take it after `lease_s`."""
    record = event.record
    outbox_id = await connection.fetchval(
        _INSERT, event.event_id, record.topic, record.key, record.value, pack_headers(record.headers), lease_s
    )
    return OutboxEvent(outbox_id, event.event_id, record)
