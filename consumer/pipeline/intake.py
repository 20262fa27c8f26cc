"""The intake: poll as many records as there are free slots, claim them, hand them on, commit.

A poll's events are in the ledger before their calls begin and before its offsets are committed, and an
invalid record's dead letter is acknowledged before. When either cannot be done now, the poll is undone by seeking back.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from consumer.errors import FatalError, UnreadableRecord
from consumer.kafka.publisher import PublishFailed
from consumer.llm.failover import Failover
from consumer.pipeline.dead_letters import DeadLetters
from consumer.pipeline.dispatcher import Dispatcher
from consumer.pipeline.in_flight import ClaimTerms, InFlight
from consumer.pipeline.outcomes import Work
from consumer.telemetry.metrics import Metrics
from repository.errors import StoreError
from repository.pool import Pool, connection
from repository.requests import FIRST_REVISION, ClaimedRequest, NewRequest, claim_new
from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.overlay_completed import OverlayCompleted
from schemas.record import SourceRecord

log = structlog.get_logger()

POLL_MS = 200  # how soon a stop is noticed
SLOT_PATIENCE_S = 20.0  # then poll paused partitions, so that the group keeps this member
COMMIT_TIMEOUT_S = 10.0  # aiokafka retries a commit without a limit when the coordinator is dead (#659)
HOLD_MS = 500

Poll = Mapping[TopicPartition, Sequence["ConsumerRecord[bytes, bytes]"]]


@dataclass(frozen=True, slots=True)
class ClassifiedRecords:
    """A poll's records by what they are.

    `events` has each overlay once, the first of its records; `valid` tells of each record, in order.
    """

    events: Mapping[UUID, tuple[SourceRecord, OverlayCompleted]]
    invalid: Sequence[tuple[SourceRecord, InvalidEvent]]
    ignored: int
    repeated: int
    valid: Sequence[bool]


class Intake:
    """Brings events from Kafka into the ledger and starts the new ones."""

    def __init__(
        self,
        consumer: "AIOKafkaConsumer[bytes, bytes]",
        pool: Pool,
        dead_letters: DeadLetters,
        dispatcher: Dispatcher,
        in_flight: InFlight,
        failover: Failover,
        metrics: Metrics,
        *,
        terms: ClaimTerms,
    ) -> None:
        self.fatal_error: FatalError | None = None
        self.unavailable_reason: str | None = None
        self._consumer = consumer
        self._pool = pool
        self._dead_letters = dead_letters
        self._dispatcher = dispatcher
        self._in_flight = in_flight
        self._failover = failover
        self._metrics = metrics
        self._terms = terms
        self._stop = asyncio.Event()
        self._has_failed_poll = False

    async def run(self, stop: asyncio.Event) -> None:
        """Take in until `stop` is set; sets it when only people can mend what is wrong (`fatal_error`)."""
        self._stop = stop
        while not stop.is_set():
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
        room = await self._room()
        if not room:
            await self._hold()
            return 0
        poll: Poll = {}
        try:
            self._consumer.resume(*self._consumer.paused())
            poll = await self._poll(timeout_ms=POLL_MS, max_records=room)
            started = await self._take_in(poll) if poll else 0
        except UnicodeDecodeError as error:
            raise UnreadableRecord(await self._unreadable_place()) from error
        except (KafkaError, StoreError, PublishFailed, TimeoutError) as error:
            self.unavailable_reason = f"{type(error).__name__}: {error}"
            log.warning("intake.undone", error=self.unavailable_reason)
            self._seek_back(poll)
            await self._hold()
            return 0
        self.unavailable_reason = None
        return started

    async def _poll(self, *partitions: TopicPartition, timeout_ms: int, max_records: int | None = None) -> Poll:
        """Poll, after a failed poll from what is committed on: aiokafka forgets what it had of other partitions then.

        Raises:
            KafkaError: a partition cannot be read now.
            UnicodeDecodeError: a batch cannot be read at all.
        """
        if self._has_failed_poll and self._consumer.assignment():
            for partition, offset in (await self._consumer.seek_to_committed()).items():
                if not offset:
                    await self._consumer.seek_to_beginning(partition)
        self._has_failed_poll = True
        # not inside a timeout: a cancelled getmany turns max.poll.interval off for good
        poll: Poll = await self._consumer.getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)
        self._has_failed_poll = False
        return poll

    async def _unreadable_place(self) -> str:
        """Which partition has the batch that cannot be read: a poll of it alone tells."""
        for partition in self._consumer.assignment():
            try:
                self._seek_back(await self._poll(partition, timeout_ms=HOLD_MS))
            except UnicodeDecodeError:
                offset = await self._consumer.position(partition)
                return f"{partition.topic}, partition {partition.partition}, at offset {offset} or soon after"
            except KafkaError:
                continue
        return "in a partition that cannot be asked now"

    async def _room(self) -> int:
        """How many records may be taken in now; waits for a slot, but not so long that the group gives up on us."""
        patient_until_s = time.monotonic() + SLOT_PATIENCE_S
        # the sweeper may be faster to take the slot that came free
        while self._in_flight.free <= 0 and not self._stop.is_set() and time.monotonic() < patient_until_s:
            await self._slot_or_stop(patient_until_s - time.monotonic())
        return self._failover.allowance(max(0, self._in_flight.free))

    async def _slot_or_stop(self, patience_s: float) -> None:
        waits = [asyncio.create_task(self._in_flight.until_free()), asyncio.create_task(self._stop.wait())]
        try:
            await asyncio.wait(waits, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _take_in(self, poll: Poll) -> int:
        found = classify_records(poll, max_event_bytes=self._terms.max_event_bytes)
        # claims first: what comes again after an undone poll is known by then, but a dead letter would be sent again
        claimed = await self._claim(found)
        await self._dispatcher.start([Work(request, found.events[request.overlay_id][1]) for request in claimed])
        await self._dead_letters.send(found.invalid, valid=found.valid)
        self._count(found, len(claimed))
        await self._commit(poll)
        return len(claimed)

    async def _claim(self, found: ClassifiedRecords) -> list[ClaimedRequest]:
        if not found.events:
            return []
        wanted = len(found.events)
        async with asyncio.timeout(SLOT_PATIENCE_S):
            await self._in_flight.reserve(at_least=wanted, at_most=wanted)
        claimed: list[ClaimedRequest] = []
        try:
            async with connection(self._pool) as borrowed:
                asked_at_s = time.monotonic()
                answer = await claim_new(
                    borrowed,
                    [_new_request(source, event) for source, event in found.events.values()],
                    owner=self._terms.owner,
                    lease_s=self._terms.lease_s,
                )
            claimed = self._terms.require_fresh(answer, asked_at_s=asked_at_s)
            self._in_flight.hold(claimed, leased_at_s=asked_at_s)
        finally:
            self._in_flight.release(wanted - len(claimed))
        return claimed

    def _count(self, found: ClassifiedRecords, claimed: int) -> None:
        records = self._metrics.records
        records.labels("claimed").inc(claimed)
        records.labels("duplicate").inc(len(found.events) - claimed + found.repeated)
        records.labels("invalid").inc(len(found.invalid))
        records.labels("ignored").inc(found.ignored)

    async def _commit(self, poll: Poll) -> None:
        """Commit what is still ours: one lost partition would make the whole call fail.

        A failed commit is no loss. The records come again, and the ledger knows them.
        """
        assigned = self._consumer.assignment()
        offsets = {partition: records[-1].offset + 1 for partition, records in poll.items() if partition in assigned}
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                if offsets:
                    await self._consumer.commit(offsets)
        except (KafkaError, TimeoutError) as error:
            log.warning("intake.commit_failed", error=f"{type(error).__name__}: {error}")

    async def _hold(self) -> None:
        """For a moment take nothing in, but poll, so that the group keeps this member."""
        with suppress(KafkaError, UnicodeDecodeError):  # the next poll meets it again
            self._consumer.pause(*self._consumer.assignment())
            # a partition assigned in the meantime is not paused: what it brings comes again
            self._seek_back(await self._poll(timeout_ms=HOLD_MS))

    def _seek_back(self, poll: Poll) -> None:
        for partition, records in poll.items():
            # no longer ours: its new owner starts at the committed offset
            with suppress(IllegalStateError):
                self._consumer.seek(partition, records[0].offset)


def classify_records(poll: Poll, *, max_event_bytes: int) -> ClassifiedRecords:
    """Decode a poll's records. Pure."""
    events: dict[UUID, tuple[SourceRecord, OverlayCompleted]] = {}
    invalid: list[tuple[SourceRecord, InvalidEvent]] = []
    ignored = repeated = 0
    valid: list[bool] = []
    for record in (record for records in poll.values() for record in records):
        source = _source_record(record)
        try:
            event = decode_overlay_completed(source, max_event_bytes=max_event_bytes)
        except InvalidEvent as error:
            invalid.append((source, error))
            valid.append(False)
            continue
        except IgnoredEvent:
            ignored += 1
        else:
            repeated += event.overlay_id in events
            events.setdefault(event.overlay_id, (source, event))
        valid.append(True)
    return ClassifiedRecords(events, invalid, ignored, repeated, valid)


def _source_record(record: "ConsumerRecord[bytes, bytes]") -> SourceRecord:
    return SourceRecord(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )


def _new_request(source: SourceRecord, event: OverlayCompleted) -> NewRequest:
    return NewRequest(event.overlay_id, FIRST_REVISION, event.tenant_id, event.job_id, event.event_id, source)
