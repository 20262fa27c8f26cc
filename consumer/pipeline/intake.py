"""The intake: poll as many records as there are free slots, claim them, hand them on, commit.

A poll's events are in the ledger before their calls begin and before its offsets are committed, and an
invalid record's dead letter is acknowledged before. When either cannot be done now, the poll is undone by seeking back.
An event that the database alone refuses is dead-lettered alone: it holds up neither its poll nor its partition.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

import structlog
from aiokafka.errors import KafkaError

from consumer.errors import FatalError
from consumer.kafka.poller import Poll, source_record
from consumer.kafka.publisher import PublishFailed
from consumer.llm.failover import Failover
from consumer.pipeline.backoff import Backoff
from consumer.pipeline.dead_letters import DeadLetters, Refusal
from consumer.pipeline.dispatcher import Dispatcher
from consumer.pipeline.ignored_events import Ignored, IgnoredEvents
from consumer.pipeline.in_flight import ClaimTerms, InFlight
from consumer.pipeline.leased_partitions import LeasedPartitions
from consumer.pipeline.outcomes import Work
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.watchdog import Beat, unwatched
from repository.errors import RefusedData, StoreError
from repository.pool import Pool, connection
from repository.requests import ClaimedRequest, NewRequest, claim_new
from schemas.codec import IgnoredEvent, InvalidEvent, decode_record
from schemas.event_types import DEFAULT_EVENT_TYPES, EventTypes
from schemas.forms import Form
from schemas.overlay_completed import OverlayCompleted
from schemas.reasons import Reason
from schemas.record import SourceRecord

log = structlog.get_logger()

LOOK_S = 0.2  # how soon a stop, and a change of the share, is noticed
SLOT_PATIENCE_S = 5.0

Event = tuple[SourceRecord, OverlayCompleted]


@dataclass(frozen=True, slots=True)
class ClassifiedRecords:
    """A poll's records by what they are.

    `records` are all, in order; `events` has each overlay once, the first of its records; `forms` counts how the
    valid ones came.
    """

    records: Sequence[SourceRecord]
    events: Mapping[UUID, Event]
    invalid: Sequence[Refusal]
    ignored: Sequence[Ignored]
    repeated: int
    forms: Mapping[Form, int]

    @property
    def valid(self) -> list[bool]:
        """Of each record in order, whether it is as it should be."""
        return self._all_but(refusal.source for refusal in self.invalid)

    @property
    def accepted(self) -> list[bool]:
        """Of each record in order, whether its type was not a reason to skip it."""
        return self._all_but(one.source for one in self.ignored)

    def _all_but(self, sources: Iterable[SourceRecord]) -> list[bool]:
        places = set(map(_place, sources))
        return [_place(record) not in places for record in self.records]


class Intake:
    """Brings events from Kafka into the ledger and starts the new ones."""

    def __init__(  # noqa: PLR0913 - all that a record may be handed on to
        self,
        partitions: LeasedPartitions,
        pool: Pool,
        dead_letters: DeadLetters,
        ignored_events: IgnoredEvents,
        dispatcher: Dispatcher,
        in_flight: InFlight,
        failover: Failover,
        metrics: Metrics,
        *,
        terms: ClaimTerms,
    ) -> None:
        self.fatal_error: FatalError | None = None
        self.unavailable_reason: str | None = None
        self._partitions = partitions
        self._pool = pool
        self._dead_letters = dead_letters
        self._ignored_events = ignored_events
        self._dispatcher = dispatcher
        self._in_flight = in_flight
        self._failover = failover
        self._metrics = metrics
        self._terms = terms
        self._stop = asyncio.Event()
        self._backoff = Backoff()

    async def run(self, stop: asyncio.Event, beat: Beat = unwatched) -> None:
        """Take in until `stop` is set; sets it when only people can mend what is wrong (`fatal_error`)."""
        self._stop = stop
        while not stop.is_set():
            beat()
            try:
                await self.run_once()
            except FatalError as error:
                # not raised: calls in flight are paid for, so the program has to end in good order
                log.error("intake.fatal_error", error=str(error))  # noqa: TRY400 - told in full, no traceback
                self.fatal_error = error
                stop.set()

    async def run_once(self) -> int:
        """Take in one poll. Returns how many new requests were started.

        Raises:
            FatalError: the records of this poll stay where they are.
        """
        try:
            started = await self._take_in_poll()
        except (KafkaError, StoreError, PublishFailed, TimeoutError) as error:
            self.unavailable_reason = f"{type(error).__name__}: {error}"
            log.warning("intake.undone", error=self.unavailable_reason)
            self._partitions.undo()
            await self._pause(self._backoff.after_failure_s())
            return 0
        self.unavailable_reason, self._backoff = None, Backoff()
        return started

    async def _take_in_poll(self) -> int:
        await self._partitions.follow()
        room = await self._room()
        if not room or not self._partitions.has_any:
            await self._pause(LOOK_S)
            return 0
        poll = await self._partitions.poll(max_records=room)
        started = await self._take_in(poll) if poll else 0
        await self._partitions.settle()
        return started

    async def _room(self) -> int:
        """How many records may be taken in now; waits a moment for a slot."""
        if self._dispatcher.unavailable_reason is not None:
            return 0
        if self._in_flight.free <= 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._in_flight.until_free()
        return self._failover.allowance(max(0, self._in_flight.free))

    async def _pause(self, pause_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._stop.wait()

    async def _take_in(self, poll: Poll) -> int:
        found = classify_records(poll, max_event_bytes=self._terms.max_event_bytes, event_types=self._terms.event_types)
        # claims first: what comes again after an undone poll is known by then, but a dead letter would be sent again
        claimed, refused = await self._claim(found.events)
        if refused:
            found = with_refused(found, refused)
        await self._dispatcher.start([Work(request, found.events[request.overlay_id][1]) for request in claimed])
        await self._dead_letters.send(found.invalid, valid=found.valid)
        await self._ignored_events.note(found.ignored, accepted=found.accepted)
        self._count(found, len(claimed))
        return len(claimed)

    async def _claim(self, events: Mapping[UUID, Event]) -> tuple[list[ClaimedRequest], list[Refusal]]:
        if not events:
            return [], []
        wanted = len(events)
        async with asyncio.timeout(SLOT_PATIENCE_S):  # the sweeper may have been faster
            await self._in_flight.reserve(at_least=wanted, at_most=wanted)
        claimed: list[ClaimedRequest] = []
        try:
            asked_at_s = time.monotonic()
            answer, refused = await self._enter(list(events.values()))
            claimed = self._terms.require_fresh(answer, asked_at_s=asked_at_s)
            self._in_flight.hold(claimed, leased_at_s=asked_at_s)
        finally:
            self._in_flight.release(wanted - len(claimed))
        return claimed, refused

    async def _enter(self, events: Sequence[Event]) -> tuple[list[ClaimedRequest], list[Refusal]]:
        try:
            return await self._enter_together(events), []
        except RefusedData:
            return await self._enter_singly(events)

    async def _enter_together(self, events: Sequence[Event]) -> list[ClaimedRequest]:
        async with connection(self._pool) as borrowed:
            return await claim_new(
                borrowed,
                [NewRequest.first(event, source) for source, event in events],
                owner=self._terms.owner,
                lease_s=self._terms.lease_s,
                group_id=self._terms.group_id,
            )

    async def _enter_singly(self, events: Sequence[Event]) -> tuple[list[ClaimedRequest], list[Refusal]]:
        """One by one, since the database refuses something of them; what it refuses alone is that event's fault."""
        claimed: list[ClaimedRequest] = []
        refused: list[Refusal] = []
        for event in events:
            try:
                claimed += await self._enter_together([event])
            except RefusedData as error:
                refused.append(Refusal(event[0], Reason.STORE_REFUSED, f"the database refuses it: {error}"))
        return claimed, refused

    def _count(self, found: ClassifiedRecords, claimed: int) -> None:
        records = self._metrics.records
        records.labels("claimed").inc(claimed)
        records.labels("duplicate").inc(len(found.events) - claimed + found.repeated)
        records.labels("invalid").inc(len(found.invalid))
        records.labels("ignored").inc(len(found.ignored))
        for form, count in found.forms.items():
            self._metrics.forms.labels(form).inc(count)


def classify_records(
    poll: Poll, *, max_event_bytes: int, event_types: EventTypes = DEFAULT_EVENT_TYPES
) -> ClassifiedRecords:
    """Decode a poll's records. Pure."""
    records = [source_record(record) for some in poll.values() for record in some]
    events: dict[UUID, Event] = {}
    invalid: list[Refusal] = []
    ignored: list[Ignored] = []
    forms: Counter[Form] = Counter()
    repeated = 0
    for source in records:
        try:
            event, came_as = decode_record(source, max_event_bytes=max_event_bytes, event_types=event_types)
        except InvalidEvent as error:
            invalid.append(Refusal(source, Reason.INVALID_EVENT, str(error)))
        except IgnoredEvent as error:
            ignored.append(Ignored(source, error.event_type))
        else:
            forms.update(came_as)
            repeated += event.overlay_id in events
            events.setdefault(event.overlay_id, (source, event))
    return ClassifiedRecords(records, events, invalid, ignored, repeated, forms)


def with_refused(found: ClassifiedRecords, refused: Sequence[Refusal]) -> ClassifiedRecords:
    """The same, with events that the database refused among the invalid ones. Pure."""
    places = {_place(refusal.source) for refusal in refused}
    events = {overlay_id: event for overlay_id, event in found.events.items() if _place(event[0]) not in places}
    return replace(found, events=events, invalid=[*found.invalid, *refused])


def _place(source: SourceRecord) -> tuple[int, int]:
    return source.partition, source.offset
