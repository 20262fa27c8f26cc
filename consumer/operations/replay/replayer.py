"""A replay over its range: looked through first, then entered batch by batch.

Requests go into the ledger in the background, where running consumers find them; nothing is called here. Each
step adds nothing when it is done again, so a replay that was cut off is run again, and two at once do no harm.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from consumer.llm.chat import as_text
from consumer.operations.delivery import Deliveries
from consumer.operations.replay.choice import ACTIVE, PAID, Action, Conditions, Mode, decide
from consumer.operations.replay.reading import Batch
from consumer.pipeline.experiments import Arms
from consumer.pipeline.ignored_events import TypeNames
from consumer.post.prompt import PromptTemplate
from repository.experiments import running_experiments
from repository.operations.replay_requests import OverlayStatus, enter_new, republish, retry_in_replay, standings
from repository.operations.replays import advance
from repository.operations.revisions import RequestedRevision, ask_for_revisions
from repository.pool import Connection
from repository.requests import NewRequest
from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.event_types import EventTypes
from schemas.overlay_completed import OverlayCompleted
from schemas.record import SourceRecord


@dataclass(frozen=True, slots=True)
class ReplayFilter:
    """Which events of the range, and what to do with them; None leaves a question open."""

    mode: Mode
    conditions: Conditions
    tenant_id: str | None
    overlay_id: UUID | None
    limit: int | None


@dataclass(slots=True)
class ReplayCounts:
    """What has been found so far. `repeated` are further events of an overlay, `others` those not asked for.

    `batched` of the posts to be written go by batch; their prompts are not among `prompt_characters`.
    """

    records: int = 0
    invalid: int = 0
    ignored: int = 0
    ignored_types: Counter[str] = field(default_factory=Counter)
    others: int = 0
    repeated: int = 0
    actions: Counter[Action] = field(default_factory=Counter)
    batched: int = 0
    prompt_characters: int = 0
    batched_prompt_characters: int = 0

    @property
    def active(self) -> int:
        """For how many overlays there is something to do."""
        return sum(self.actions[action] for action in ACTIVE)

    @property
    def paid(self) -> int:
        """How many posts have to be written."""
        return sum(self.actions[action] for action in PAID)


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do about one event."""

    source: SourceRecord
    event: OverlayCompleted
    standing: OverlayStatus
    action: Action
    by_batch: bool


class Replayer:
    """Goes through batches; `limit` and what counts as repeated are for the whole of a run."""

    def __init__(
        self,
        connection: Connection,
        replay_id: UUID,
        wanted: ReplayFilter,
        *,
        max_event_bytes: int,
        event_types: EventTypes,
        asked_before: int,
        deliveries: Deliveries,
    ) -> None:
        self.tally = ReplayCounts()
        self._connection = connection
        self._replay_id = replay_id
        self._wanted = wanted
        self._max_event_bytes = max_event_bytes
        self._event_types = event_types
        self._type_name = TypeNames()
        self._left = None if wanted.limit is None else max(0, wanted.limit - asked_before)
        self._seen: set[UUID] = set()
        self._deliveries = deliveries

    @property
    def has_enough(self) -> bool:
        """Whether the limit is reached."""
        return self._left is not None and self.tally.active >= self._left

    async def look_through(
        self, batches: AsyncIterator[Batch], template: PromptTemplate
    ) -> AsyncIterator[ReplayCounts]:
        """Count what there is to do, and how long the prompts are; changes nothing."""
        async for batch in batches:
            for choice in await self._choices(batch):
                if choice.action in PAID:
                    self._count_prompt(choice, template)
            yield self.tally
            if self.has_enough:
                return

    def _count_prompt(self, choice: Choice, template: PromptTemplate) -> None:
        characters = len(as_text(template.messages(choice.event)))
        if choice.by_batch:
            self.tally.batched += 1
            self.tally.batched_prompt_characters += characters
        else:
            self.tally.prompt_characters += characters

    async def enter(self, batches: AsyncIterator[Batch], *, created_topic: str) -> AsyncIterator[ReplayCounts]:
        """Do what there is to do, and note how far the range has been dealt with."""
        async for batch in batches:
            choices = await self._choices(batch)
            await self._do(choices, created_topic)
            if not self.has_enough:
                await advance(self._connection, self._replay_id, batch.reached)
            yield self.tally
            if self.has_enough:
                return

    async def _choices(self, batch: Batch) -> list[Choice]:
        events = self._events(batch.records)
        known = await standings(self._connection, list(events), self._replay_id) if events else {}
        await self._deliveries.know(event.tenant_id for _, event in events.values())
        choices = []
        for overlay_id, (source, event) in events.items():
            if self.has_enough:
                break
            action = decide(self._wanted.mode, known[overlay_id], self._wanted.conditions)
            self.tally.actions[action] += 1
            by_batch = self._deliveries.by_batch(event.tenant_id, event.delivery)
            choices.append(Choice(source, event, known[overlay_id], action, by_batch))
        return choices

    def _events(self, records: Sequence[SourceRecord]) -> Mapping[UUID, tuple[SourceRecord, OverlayCompleted]]:
        """Return the events asked for, the first of each overlay."""
        events: dict[UUID, tuple[SourceRecord, OverlayCompleted]] = {}
        for source in records:
            self.tally.records += 1
            try:
                event = decode_overlay_completed(
                    source, max_event_bytes=self._max_event_bytes, event_types=self._event_types
                )
            except InvalidEvent:
                self.tally.invalid += 1
            except IgnoredEvent as error:
                self.tally.ignored += 1
                self.tally.ignored_types[self._type_name(error.event_type)] += 1
            else:
                if not self._is_wanted(event):
                    self.tally.others += 1
                elif event.overlay_id in self._seen:
                    self.tally.repeated += 1
                else:
                    self._seen.add(event.overlay_id)
                    events[event.overlay_id] = (source, event)
        return events

    def _is_wanted(self, event: OverlayCompleted) -> bool:
        wanted = self._wanted
        return wanted.tenant_id in {None, event.tenant_id} and wanted.overlay_id in {None, event.overlay_id}

    async def _do(self, choices: Sequence[Choice], created_topic: str) -> None:
        for by_batch in (False, True):
            await self._have_written([choice for choice in choices if choice.by_batch is by_batch], by_batch=by_batch)
        feed_ids = [choice.standing.instagram_feed_id for choice in choices if choice.action is Action.REPUBLISH]
        if feed_ids:
            present = [one for one in feed_ids if one]
            await republish(self._connection, present, self._replay_id, topic=created_topic)

    async def _have_written(self, choices: Sequence[Choice], *, by_batch: bool) -> None:
        connection, replay_id = self._connection, self._replay_id
        if self._wanted.mode is Mode.REGENERATE:
            if asked := [_asked(choice) for choice in choices if choice.action in PAID]:
                await ask_for_revisions(
                    connection, asked, origin="replay", replay_id=replay_id, background=True, by_batch=by_batch
                )
            return
        if new := [choice for choice in choices if choice.action is Action.WRITE]:
            await enter_new(connection, await self._requests(new), replay_id, by_batch=by_batch)
        if failed := [choice.event.overlay_id for choice in choices if choice.action is Action.RETRY]:
            await retry_in_replay(connection, failed, replay_id, by_batch=by_batch)

    async def _requests(self, new: Sequence[Choice]) -> list[NewRequest]:
        """Return requests for overlays that are new: as from any new event, with the arm of a running experiment."""
        arms = Arms(await running_experiments(self._connection))
        return [NewRequest.first(choice.event, choice.source, arms.arm_of(choice.event)) for choice in new]


def _asked(choice: Choice) -> RequestedRevision:
    event = choice.event
    return RequestedRevision(event.overlay_id, event.tenant_id, event.job_id, event.event_id, choice.source)
