"""Storing a group of results: posts, failures, requests that continue, and the end position, all in one transaction.

Outcomes that the database refuses are singled out. Results are paid for: if one cannot be stored now, the group is not
committed, and the batch is retried later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import structlog

from consumer.pipeline.batches.desk import Desk
from consumer.pipeline.budgets.batch_money import settle_for_batch
from consumer.pipeline.feed_events import FeedEventBuilder
from consumer.pipeline.outbox_relay import RELAY_LEASE_S, OutboxRelay
from consumer.pipeline.outcome_log import OutcomeLog
from consumer.pipeline.outcomes import Rejected, Written
from consumer.pipeline.unused_calls import superseded_call, unused
from repository.batch_lines import BatchLine, settle_lines
from repository.batch_requests import SentOn, claim_from_batch, send_on
from repository.batches import Advance, Batch, advance_batch
from repository.errors import MissingReference, RefusedData, StoreError
from repository.feeds import Feed, fail, store
from repository.llm_calls import keep_superseded
from repository.outbox import OutboxEvent
from repository.pool import Connection, connection, transaction
from repository.spending import NOTHING_SPENT, Spending
from schemas.call_verdict import CallVerdict
from schemas.quality import QualityRule
from schemas.reasons import Reason

log = structlog.get_logger()

REFERENCE_RETRY_S = 5.0
FEW = 3  # so many different results refused and none accepted: it is not their fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The verdict on a line, and the outcome of its request; None if that has ended in another way.

    `spent` is what its result cost this tenant's budgets. `feed` is the post's row, if already built; `refused_by` are
    the rules that refused its post.
    """

    line: BatchLine
    word: str
    outcome: Written | Rejected | SentOn | None = None
    spent: Spending = NOTHING_SPENT
    tenant_id: str = ""
    feed: Feed | None = None
    refused_by: tuple[QualityRule, ...] = ()

    @property
    def cost_usd(self) -> Decimal:
        """The cost of its result, if known."""
        return self.spent.cost_usd or Decimal(0)


class GroupStore:
    """Commits groups."""

    def __init__(
        self,
        desk: Desk,
        feed_events: FeedEventBuilder,
        relay: OutboxRelay,
        outcome_log: OutcomeLog,
        *,
        ensure_references: bool,
    ) -> None:
        self._desk = desk
        self._feed_events = feed_events
        self._relay = relay
        self._outcome_log = outcome_log
        self._ensure_references = ensure_references

    def with_feed(self, one: Settled) -> Settled:
        """Build a post's row and event ahead, while the previous group is being stored."""
        return replace(one, feed=self._feed_events.feed(one.outcome)) if isinstance(one.outcome, Written) else one

    async def commit(
        self, batch: Batch, group: Sequence[Settled], step: Advance, *, unused: Sequence[Spending] = ()
    ) -> None:
        """Commit a group and its step; `step.cost_usd` is the cost of results that are not in the group.

        `unused` is what each of those results took.

        Raises:
            BatchLeaseLost: another process has the batch; nothing was committed.
            StoreError: nothing was committed, or a part that will not be repeated.
        """
        try:
            await self._commit(batch, group, step, unused=unused)
        except (MissingReference, RefusedData):
            await self._commit_singly(batch, group)
            await self._commit(batch, (), step)

    async def _commit_singly(self, batch: Batch, group: Sequence[Settled]) -> None:
        refused: list[tuple[Settled, StoreError]] = []
        stored = 0
        for one in group:
            try:
                await self._commit(batch, [one], _NO_STEP)
                stored += isinstance(one.outcome, Written)
            except (MissingReference, RefusedData) as error:
                refused.append((one, error))
        if not stored and sum(isinstance(error, RefusedData) for _, error in refused) >= FEW:
            raise StoreError(f"the database refuses results alike: {refused[0][1]}") from refused[0][1]
        for one, why in refused:
            log.error("store.refused", overlay_id=str(one.line.overlay_id), error=str(why))
            await self._commit(batch, [_instead_of(one, why)], _NO_STEP)

    async def _commit(
        self, batch: Batch, group: Sequence[Settled], step: Advance, *, unused: Sequence[Spending] = ()
    ) -> None:
        stored = [(one.outcome, one.feed) for one in group if isinstance(one.outcome, Written)]
        written = [outcome for outcome, _ in stored]
        feeds = [feed or self._feed_events.feed(outcome) for outcome, feed in stored]
        cost_usd = sum((one.cost_usd for one in group), step.cost_usd)
        words = {one.line.line_number: one.word for one in group}
        async with connection(self._desk.pool) as borrowed, transaction(borrowed):
            await advance_batch(borrowed, batch, replace(step, cost_usd=cost_usd), lease_s=self._desk.terms.lease_s)
            events, superseded = await self._store(borrowed, written, feeds)
            rejected, more = await self._end(borrowed, batch, group)
            sent = [one.outcome for one in group if isinstance(one.outcome, SentOn)]
            if sent:
                await send_on(borrowed, batch.batch_id, sent)
            for one in group:
                if isinstance(one.outcome, Written) and one.outcome.instagram_feed_id in superseded:
                    words[one.line.line_number] = "superseded"
            if self._desk.budgets.are_there:
                await settle_for_batch(borrowed, self._desk.budgets, batch.batch_id, _by_tenant(group))
            await settle_lines(borrowed, batch.batch_id, list(words.items()))
        self._relay.hand_over([*events, *more])
        self._outcome_log.batched(batch.model, [*unused, *(one.spent for one in group)], cost_usd)
        for one in group:
            self._outcome_log.refused_by(one.refused_by)
        for outcome, feed in zip(written, feeds, strict=True):
            self._outcome_log.written(outcome, feed, stored=outcome.instagram_feed_id not in superseded)
        for failed in rejected:
            self._outcome_log.rejected(failed)

    async def _store(
        self, borrowed: Connection, written: Sequence[Written], feeds: Sequence[Feed]
    ) -> tuple[list[OutboxEvent], set[object]]:
        """Store posts; returns their events, and the ids of those that came second."""
        if not feeds:
            return [], set()
        ensures = self._ensure_references
        events = await store(borrowed, feeds, ensure_references=ensures, relay_lease_s=RELAY_LEASE_S)
        announced = {event.event_id for event in events}
        late = {
            outcome.instagram_feed_id: superseded_call(outcome)
            for outcome, feed in zip(written, feeds, strict=True)
            if feed.created_event.event_id not in announced
        }
        if late:
            await keep_superseded(borrowed, late)
        return events, set(late)

    async def _end(
        self, borrowed: Connection, batch: Batch, group: Sequence[Settled]
    ) -> tuple[list[Rejected], list[OutboxEvent]]:
        """Fail requests, each claimed in this transaction, so that only one of two results ends it."""
        ends = {
            (one.outcome.request.overlay_id, one.outcome.request.revision): one.outcome
            for one in group
            if isinstance(one.outcome, Rejected)
        }
        if not ends:
            return [], []
        tokens = await claim_from_batch(borrowed, batch.batch_id, ends.keys())
        claimed = [
            replace(ends[key], request=replace(ends[key].request, fencing_token=token)) for key, token in tokens.items()
        ]
        failures = [self._feed_events.failure(outcome) for outcome in claimed]
        return claimed, await fail(borrowed, failures, relay_lease_s=RELAY_LEASE_S) if failures else []


def _by_tenant(group: Sequence[Settled]) -> dict[str, Spending]:
    spent: dict[str, Spending] = {}
    for one in group:
        if one.tenant_id:
            spent[one.tenant_id] = spent.get(one.tenant_id, NOTHING_SPENT) + one.spent
    return spent


_NO_STEP = Advance(file=None, position=0, cost_usd=Decimal(0))


def _instead_of(one: Settled, error: StoreError) -> Settled:
    """Return the outcome for a post that the database refuses: its answer is kept, to be judged again."""
    if not isinstance(one.outcome, Written):
        raise error
    outcome = one.outcome
    call = unused(outcome.request, outcome.answer, CallVerdict.NOT_STORED, str(error))
    usage = outcome.usage.with_unused(call)
    request = outcome.request
    if isinstance(error, MissingReference):
        later = SentOn(
            overlay_id=request.overlay_id,
            revision=request.revision,
            goes_live=True,
            delay_s=REFERENCE_RETRY_S,
            attempts=request.attempts,
            llm_calls=usage.llm_calls,
            spent=usage.spent,
            reason=Reason.MISSING_REFERENCE,
            detail=str(error),
            unused_calls=usage.unused,
        )
        return replace(one, word="not_stored", outcome=later)
    rejected = Rejected(
        request=request, usage=usage, attempts=request.attempts + 1, reason=Reason.STORE_REFUSED, detail=str(error)
    )
    return replace(one, word="not_stored", outcome=rejected)
