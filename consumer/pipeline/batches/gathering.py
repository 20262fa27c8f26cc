"""From waiting requests to intended batches: selected, frozen and recorded in one transaction."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog

from consumer.llm.batches.input_file import line_bytes
from consumer.llm.cost import WorstCase
from consumer.pipeline.batches.affording import afforded
from consumer.pipeline.batches.drafting import Draft, draft, is_answered
from consumer.pipeline.batches.packing import Pack, Packing
from consumer.pipeline.budgets.reserving import Budgets, OverBudget, in_unit
from consumer.pipeline.in_flight import ClaimTerms
from consumer.pipeline.tenants.known_tenants import Tenants
from consumer.pipeline.writing_plans import WritingPlans
from repository.batch_lines import BatchLine, add_lines
from repository.batch_requests import (
    RequestKey,
    gathered,
    lock_gathered,
    put_in_batches,
    put_off_gathered,
    send_gathered_live,
    try_to_gather,
)
from repository.batches import NewBatch, enqueued_room, intend
from repository.errors import StoreError
from repository.held_requests import BatchHolding, hold_gathered
from repository.llm_calls import KeptAnswers, kept_answers
from repository.llm_models import LlmModel
from repository.pool import Connection, Pool, connection, transaction
from repository.requests import ClaimedRequest
from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.overlay_completed import OverlayCompleted
from schemas.reasons import Reason

log = structlog.get_logger()

CHUNK = 200
LONGEST_PUT_OFF_S = 60.0  # reserved money is released when calls and batches end
DRAFTS_AT_ONCE = 20  # so that others wait milliseconds at most


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheringTerms:
    """When a batch is sent, and what happens to requests whose model has no batches."""

    max_wait_s: float
    max_requests: int
    falls_back: bool


class Gatherer:
    """Creates intents for batches at the given providers."""

    def __init__(
        self,
        pool: Pool,
        plans: WritingPlans,
        tenants: Tenants,
        claim_terms: ClaimTerms,
        terms: GatheringTerms,
        *,
        providers: Collection[str],
        budgets: Budgets,
    ) -> None:
        self._pool = pool
        self._plans = plans
        self._tenants = tenants
        self._claim_terms = claim_terms
        self._terms = terms
        self._providers = providers
        self._budgets = budgets
        self._told_of: set[str] = set()
        self._to_hold: list[BatchHolding] = []

    async def run_once(self) -> int:
        """Record the intents that are due. Returns the number of requests in them.

        Raises:
            StoreError: nothing was recorded.
        """
        group_id = self._claim_terms.group_id
        async with connection(self._pool) as borrowed:
            waiting = await gathered(borrowed, group_id=group_id)
            is_due = waiting.longest_s >= self._terms.max_wait_s or waiting.count >= self._terms.max_requests
            if not waiting.count or not is_due:
                return 0
            self._to_hold = []
            async with transaction(borrowed):
                if not await try_to_gather(borrowed, group_id=group_id):
                    return 0
                packs = await self._pack(borrowed)
                for pack, model in packs:
                    await intend(borrowed, self._new_batch(pack, model))
            await self._hold(borrowed)
        for pack, model in packs:
            log.info("batch.intended", batch_id=str(pack.batch_id), model=model.full_name, requests=pack.frozen)
        return sum(pack.frozen for pack, _ in packs)

    def _new_batch(self, pack: Pack, model: LlmModel) -> NewBatch:
        return NewBatch(
            batch_id=pack.batch_id,
            model=model,
            group_id=self._claim_terms.group_id,
            request_count=pack.frozen,
            estimated_tokens=pack.tokens,
        )

    async def _pack(self, borrowed: Connection) -> list[tuple[Pack, LlmModel]]:
        packing = Packing(max_lines=self._terms.max_requests, room=await enqueued_room(borrowed))
        models = {}
        after = None
        while not packing.is_full:
            requests, after = await lock_gathered(
                borrowed, group_id=self._claim_terms.group_id, after=after, limit=CHUNK
            )
            if not requests:
                break
            drafts = await self._drafts(borrowed, requests)
            placed = [place for one in drafts if (place := _place(packing, one))]
            models.update({one.draft.writer.model.llm_model_id: one.draft.writer.model for one in placed})
            await self._freeze(borrowed, placed)
            if drafts and not placed:
                break  # the provider accepts no more for now
        return [(pack, models[pack.llm_model_id]) for pack in packing.packs if pack.frozen]

    async def _freeze(self, borrowed: Connection, placed: Sequence["_Placed"]) -> None:
        """Freeze the lines that can be paid for; postpone the others, or hold them if their budget is spent."""
        there, over = await afforded(borrowed, self._budgets, placed)
        frozen = [one for place, one in enumerate(placed) if place in there]
        if frozen:
            await put_in_batches(borrowed, [(one.draft.request, one.batch_id) for one in frozen])
            await add_lines(borrowed, [one.line for one in frozen])
        for one in frozen:
            one.pack.frozen += 1
        unpaid = [one for place, one in enumerate(placed) if place not in there]
        spent = [holding for one in unpaid if (holding := _holding(one, over.get(one.tenant_id)))]
        self._to_hold.extend(spent)
        held = {(holding.overlay_id, holding.revision) for holding in spent}
        later = {(one.line.overlay_id, one.line.revision) for one in unpaid} - held
        if later:
            delay_s = min(LONGEST_PUT_OFF_S, self._terms.max_wait_s)
            await put_off_gathered(borrowed, later, delay_s=delay_s, reason=Reason.BUDGET_SPENT)

    async def _hold(self, borrowed: Connection) -> None:
        """Hold what budgets cannot pay for, apart from the intent, whose locks would block changes of budgets."""
        holdings, self._to_hold = self._to_hold, []
        if holdings and (held := await hold_gathered(borrowed, holdings)):
            log.info("batch.held", requests=held, reason=Reason.BUDGET_SPENT)

    async def _drafts(self, borrowed: Connection, requests: Sequence[ClaimedRequest]) -> list[Draft]:
        """Draft the lines of requests that can be written by batch; the others go live or keep waiting."""
        await self._tenants.know(request.tenant_id for request in requests)
        with suppress(StoreError):
            await self._plans.know(requests)
        called_for = [(request.overlay_id, request.revision) for request in requests if request.llm_calls]
        kept = await kept_answers(borrowed, called_for) if called_for else {}
        drafts: list[Draft] = []
        live: list[RequestKey] = []
        for number, request in enumerate(requests):
            if number % DRAFTS_AT_ONCE == 0:
                await asyncio.sleep(0)
            event = self._decode(request)
            if event is None or not self._has_batches(request):
                if event is None or self._terms.falls_back:
                    live.append((request.overlay_id, request.revision))
            elif self._plans.problem(request) is None:
                if one := self._draft(request, event, kept):
                    drafts.append(one)
                else:
                    live.append((request.overlay_id, request.revision))
        if live:
            await send_gathered_live(borrowed, live)
        return drafts

    def _draft(self, request: ClaimedRequest, event: OverlayCompleted, kept: KeptAnswers) -> Draft | None:
        """Draft a line; None if an earlier answer is a post after all."""
        answers = kept.get((request.overlay_id, request.revision), ())
        plan, context = self._plans.of(request), self._tenants.context(event)
        if is_answered(request, plan, answers, context):
            return None
        return draft(request, event, plan, answers, context)

    def _has_batches(self, request: ClaimedRequest) -> bool:
        if self._plans.problem(request) is not None:
            return True
        model = self._plans.of(request).failover.preferred.model
        if model.provider in self._providers:
            return True
        if model.full_name not in self._told_of:
            self._told_of.add(model.full_name)
            then = "they are written live" if self._terms.falls_back else "they wait (BATCH_FALLBACK=live writes them)"
            log.error("batch.no_provider", model=model.full_name, provider=model.provider, then=then)
        return False

    def _decode(self, request: ClaimedRequest) -> OverlayCompleted | None:
        """Decode stored bytes; None if no longer valid by a later contract: the sweeper fails such requests."""
        terms = self._claim_terms
        with suppress(InvalidEvent, IgnoredEvent):
            return decode_overlay_completed(
                request.source, max_event_bytes=terms.max_event_bytes, event_types=terms.event_types
            )
        return None


@dataclass(frozen=True, slots=True)
class _Placed:
    draft: Draft
    pack: Pack
    line: BatchLine

    @property
    def batch_id(self) -> UUID:
        return self.pack.batch_id

    @property
    def tenant_id(self) -> str:
        return self.draft.request.tenant_id

    @property
    def worst(self) -> WorstCase:
        return self.draft.worst

    @property
    def model(self) -> LlmModel:
        return self.draft.writer.model


def _holding(one: _Placed, over: OverBudget | None) -> BatchHolding | None:
    """Return how to hold a line whose tenant's budget is spent; None if it is not."""
    if over is None or over.until is None:
        return None
    return BatchHolding(
        overlay_id=one.line.overlay_id,
        revision=one.line.revision,
        budget_id=over.budget.budget_id,
        budget_limit=over.limit,
        amount=None if over.amount is None else in_unit(over.budget, one.worst.cost_usd, one.worst.tokens),
        until=over.until,
        reason=Reason.BUDGET_SPENT,
        detail=str(over),
    )


def _place(packing: Packing, one: Draft) -> _Placed | None:
    pack = packing.place(one.writer.model.llm_model_id, size=line_bytes(one.body), tokens=one.tokens)
    return _Placed(one, pack, one.line(pack.batch_id, pack.lines)) if pack else None
