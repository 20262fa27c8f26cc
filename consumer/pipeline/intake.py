"""The intake: poll as many records as there are free slots, and some more to queue; claim, dispatch, commit.

A poll's events are in the ledger, and the dead letters of its invalid records acknowledged, before calls start and
offsets are committed. If the ledger cannot be written, the poll is undone by seeking back. A single record that cannot
be processed waits in memory, and its partition's offset before it, while the intake continues.
"""

import asyncio
import time
from contextlib import suppress

import structlog
from aiokafka.errors import KafkaError

from consumer.errors import FatalError
from consumer.kafka.poller import Poll
from consumer.kafka.publisher import PublishFailed
from consumer.llm.failover import Failover
from consumer.pipeline.backoff import Backoff
from consumer.pipeline.claims import Claims
from consumer.pipeline.classified_records import ClassifiedRecords, classify_records, with_refused
from consumer.pipeline.dead_letters import DeadLetters
from consumer.pipeline.dispatcher import Dispatcher
from consumer.pipeline.ignored_events import IgnoredEvents
from consumer.pipeline.in_flight import ClaimTerms
from consumer.pipeline.partitions.leased import LeasedPartitions
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.watchdog import Beat, unwatched
from repository.errors import StoreError

log = structlog.get_logger()

REST_SHARE = 2.0  # times as long as reading ahead took
LONGEST_REST_S = 1.0
LOOK_S = 0.2  # how soon a stop or a change of the share is noticed


class Intake:
    """Claims events from Kafka in the ledger and starts the new ones."""

    def __init__(
        self,
        partitions: LeasedPartitions,
        claims: Claims,
        dead_letters: DeadLetters,
        ignored_events: IgnoredEvents,
        dispatcher: Dispatcher,
        failover: Failover,
        metrics: Metrics,
        *,
        terms: ClaimTerms,
    ) -> None:
        self.fatal_error: FatalError | None = None
        self.unavailable_reason: str | None = None
        self._partitions = partitions
        self._claims = claims
        self._dead_letters = dead_letters
        self._ignored_events = ignored_events
        self._dispatcher = dispatcher
        self._failover = failover
        self._metrics = metrics
        self._terms = terms
        self._stop = asyncio.Event()
        self._backoff = Backoff()

    async def run(self, stop: asyncio.Event, beat: Beat = unwatched) -> None:
        """Run until `stop` is set; sets it on an error that only people can fix (`fatal_error`)."""
        self._stop = stop
        while not stop.is_set():
            beat()
            try:
                await self.run_once()
            except FatalError as error:
                # not raised: calls in flight are paid for, so the shutdown must be orderly
                log.error("intake.fatal_error", error=str(error))  # noqa: TRY400 - told in full, no traceback
                self.fatal_error = error
                stop.set()

    async def run_once(self) -> int:
        """Process one poll. Returns how many new requests were started.

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
        except FatalError:
            raise
        except Exception:
            # a defect of ours: what was polled is not to be passed over
            self._partitions.undo()
            raise
        self.unavailable_reason, self._backoff = self._dead_letters.unavailable_reason, Backoff()
        return started

    async def _take_in_poll(self) -> int:
        await self._partitions.follow()
        at_once, ahead = await self._room()
        if not at_once + ahead or not self._partitions.has_any:
            await self._pause(LOOK_S)
            return 0
        poll = await self._partitions.poll(max_records=at_once + ahead)
        began_s = time.monotonic()
        started = await self._take_in(poll, at_once=at_once) if poll or self._owed else 0
        await self._partitions.settle([*self._claims.owed_places, *self._dead_letters.owed_places])
        if poll and not at_once:  # calls in flight need the processor more than requests that wait anyway
            await self._pause(min(LONGEST_REST_S, REST_SHARE * (time.monotonic() - began_s)))
        return started

    @property
    def _owed(self) -> int:
        """How many polled records are not safe yet; they hold up only the offsets."""
        return self._claims.owed + self._dead_letters.owed

    async def _room(self) -> tuple[int, int]:
        """Return how many records may start at once, and how many more may be read ahead; waits a moment for either.

        While no model may be called nothing is read ahead.
        """
        if self._dispatcher.unavailable_reason is not None:
            return 0, 0
        is_called = self._failover.unavailable_reason is None
        free, ahead = await self._claims.room(may_read_ahead=is_called, patience_s=LOOK_S)
        return self._failover.allowance(free), ahead

    async def _pause(self, pause_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._stop.wait()

    async def _take_in(self, poll: Poll, *, at_once: int) -> int:
        found = classify_records(poll, max_event_bytes=self._terms.max_event_bytes, event_types=self._terms.event_types)
        # claims first: after an undone poll claims are known duplicates, but dead letters would be sent again
        owed_before = self._claims.owed
        began_s = time.perf_counter()
        works, refused = await self._claims.claim(found.events, at_once=at_once)
        self._metrics.database.executed("claim", time.perf_counter() - began_s)
        if refused:
            found = with_refused(found, refused)
        await self._dispatcher.start(works)
        await self._dead_letters.send(found.invalid, valid=found.valid)
        await self._ignored_events.note(found.ignored, accepted=found.accepted)
        claimed = len(works) + self._claims.waiting
        self._count(found, claimed=claimed, newly_owed=self._claims.owed - owed_before)
        return len(works)

    def _count(self, found: ClassifiedRecords, *, claimed: int, newly_owed: int) -> None:
        messaging = self._metrics.messaging
        known = len(found.events) - claimed - self._claims.batched - newly_owed
        messaging.taken_in(
            claimed=claimed,
            batched=self._claims.batched,
            duplicate=max(0, known) + found.repeated,
            invalid=len(found.invalid),
            ignored=len(found.ignored),
        )
        messaging.came_as(found.forms)
