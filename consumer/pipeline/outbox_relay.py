"""The relay: from the outbox to Kafka, at least once and byte for byte the same each time.

Events stored by this process are published from memory; those that another one left behind, or that Kafka did not
take, are read from the table once their lease has expired.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog

from consumer.kafka.publisher import Publisher, PublishFailed, RecordTooLarge, UnsendableRecord, error_type
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.watchdog import Beat, unwatched
from repository.errors import StoreError
from repository.outbox import (
    OutboxEvent,
    UnreadableEvent,
    claim_pending,
    delete_published,
    give_back,
    set_apart,
)
from repository.pool import Pool, connection

log = structlog.get_logger()

RELAY_LEASE_S = 30.0  # longer than a send may take, so that a slow broker does not get every event twice
LOOK_S = 1.0
RETRY_S = 5.0  # so that events that the broker never takes do not take up the time of the others
TOO_LARGE_RETRY_S = 300.0  # it fits only once the topic's limit is raised
BATCH = 500
MOST_IN_HAND = 10_000  # while Kafka is away the rest waits in the table, not in memory


class OutboxRelay:
    """Publishes events and deletes them from the outbox when the broker has acknowledged them."""

    def __init__(self, pool: Pool, publisher: Publisher, metrics: Metrics) -> None:
        self._pool = pool
        self._publisher = publisher
        self._metrics = metrics
        self._in_hand: list[OutboxEvent] = []
        self._told_of: set[UUID] = set()  # grows only by events that stay in the outbox
        self._looked_at_s = -math.inf
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def hand_over(self, events: Sequence[OutboxEvent]) -> None:
        """Publish events just stored, whose outbox lease this process holds."""
        room = MOST_IN_HAND - len(self._in_hand)
        self._in_hand.extend(events[:room])
        self._idle.clear()
        self._arrived.set()

    async def run(self, beat: Beat = unwatched) -> None:
        """Publish forever: at once what is handed over, every second what is found in the table."""
        while True:
            beat()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._arrived.wait()
            if await self.run_once() == BATCH:
                self._arrived.set()  # after an outage there is more where that came from

    async def run_once(self) -> int:
        """Publish one batch. Returns how many events the broker acknowledged."""
        try:
            events = await self._next_batch()
            return await self._publish(events) if events else 0
        except StoreError as error:
            # published but not deleted: sent again after the lease, byte for byte the same
            log.warning("relay.store_unavailable", error=str(error))
            await asyncio.sleep(LOOK_S)
            self._looked_at_s = time.monotonic()  # next come the events handed over, database or not
            return 0
        finally:
            if not self._in_hand:
                self._idle.set()

    async def drain(self) -> None:
        """Wait until all that was handed over has been tried; `run` does the publishing."""
        await self._idle.wait()

    async def _next_batch(self) -> list[OutboxEvent]:
        """Return events handed over, or from the table every `LOOK_S`, even while more keep coming."""
        if self._in_hand and time.monotonic() < self._looked_at_s + LOOK_S:
            return self._take_in_hand()
        self._looked_at_s = time.monotonic()
        return await self._take_from_table() or self._take_in_hand()

    def _take_in_hand(self) -> list[OutboxEvent]:
        self._arrived.clear()
        batch, self._in_hand = self._in_hand[:BATCH], self._in_hand[BATCH:]
        if self._in_hand:
            self._arrived.set()
        return batch

    async def _take_from_table(self) -> list[OutboxEvent]:
        async with connection(self._pool) as borrowed:
            events, unreadable = await claim_pending(borrowed, lease_s=RELAY_LEASE_S, limit=BATCH)
            if unreadable:
                await set_apart(borrowed, [event.outbox_id for event in unreadable])
        self._tell_of_unreadable(unreadable)
        return events

    async def _publish(self, events: Sequence[OutboxEvent]) -> int:
        began_s = time.perf_counter()
        results = await self._publisher.publish([event.record for event in events])
        self._metrics.messaging.sent(
            ((event.record.topic, error_type(failure)) for event, failure in zip(events, results, strict=True)),
            time.perf_counter() - began_s,
        )
        outcomes = list(zip(events, results, strict=True))
        published = [event.outbox_id for event, failure in outcomes if failure is None]
        too_large = [event for event, failure in outcomes if isinstance(failure, RecordTooLarge)]
        unsendable = [
            UnreadableEvent(event.outbox_id, event.event_id, str(failure))
            for event, failure in outcomes
            if isinstance(failure, UnsendableRecord)
        ]
        unsent = [(event, failure) for event, failure in outcomes if _may_pass(failure)]
        async with connection(self._pool) as borrowed:
            if published:
                await delete_published(borrowed, published)
            if too_large:
                await give_back(borrowed, [event.outbox_id for event in too_large], delay_s=TOO_LARGE_RETRY_S)
            if unsendable:
                await set_apart(borrowed, [event.outbox_id for event in unsendable])
            if unsent:
                await give_back(borrowed, [event.outbox_id for event, _ in unsent], delay_s=RETRY_S)
        self._tell_of(too_large)
        self._tell_of_unreadable(unsendable)
        if unsent:
            log.warning("relay.publish_failed", events=len(unsent), error=str(unsent[0][1]))
            if not published:
                await asyncio.sleep(LOOK_S)
        return len(published)

    def _tell_of(self, too_large: Sequence[OutboxEvent]) -> None:
        """Log once per event that it is too large for its topic; the topic's limit may be raised."""
        for event in too_large:
            if event.event_id not in self._told_of:
                self._told_of.add(event.event_id)
                self._metrics.messaging.too_large.inc()
                size = len(event.record.value or b"")
                log.error("relay.event_too_large", event_id=str(event.event_id), topic=event.record.topic, bytes=size)

    def _tell_of_unreadable(self, events: Sequence[UnreadableEvent]) -> None:
        """Say of each row that it is left to people; it is not taken again before they have changed it."""
        for event in events:
            log.error(
                "relay.event_unreadable",
                event_id=str(event.event_id),
                outbox_id=event.outbox_id,
                error=event.problem,
            )


def _may_pass(failure: PublishFailed | None) -> bool:
    """Return whether the same record may be taken later without anybody's help."""
    return failure is not None and not isinstance(failure, RecordTooLarge | UnsendableRecord)
