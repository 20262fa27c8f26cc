"""Booking the cost of calls with the end of their requests, and the worst case of the calls of lost processes."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from consumer.llm.cost import WorstCase, worst_case
from consumer.pipeline.budgets.reserving import Budgets, in_unit
from consumer.pipeline.in_flight import ClaimTerms
from consumer.pipeline.outcomes import Outcome
from consumer.pipeline.writing_plans import WritingPlans
from repository.budget_calls import LostCall, Settlement, book_found_calls, book_lost_calls, settle
from repository.pool import Connection, transaction
from repository.requests import ClaimedRequest
from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed


@asynccontextmanager
async def booked(budgets: Budgets, borrowed: Connection, outcomes: Sequence[Outcome]) -> AsyncIterator[set[UUID]]:
    """Book the cost of outcomes' calls in one transaction with the block, which ends their requests.

    Overlays that the block adds to the given set had been ended and booked before. Without budgets no transaction is
    opened.
    """
    ended_before: set[UUID] = set()
    charges = [charge for outcome in outcomes for charge in outcome.usage.charges]
    found = [call for outcome in outcomes for call in outcome.usage.found] if budgets.are_there else []
    if not charges and not found:
        yield ended_before
        return
    async with transaction(borrowed):
        yield ended_before
        new = [charge for charge in charges if charge.overlay_id not in ended_before]
        await settle(borrowed, budgets.owner, new)
        if found:
            await book_found_calls(borrowed, found)
    budgets.booked(charges)


def settlement_of(budgets: Budgets, outcomes: Sequence[Outcome]) -> Settlement | None:
    """Return the charges that the statement that stores these posts can book; None if `booked` is needed."""
    charges = [charge for outcome in outcomes for charge in outcome.usage.charges]
    is_plain = all(charge.is_known for charge in charges) and not any(outcome.usage.found for outcome in outcomes)
    return Settlement(budgets.owner, charges) if charges and is_plain else None


class LostCalls:
    """Books the calls that lost processes may have made for requests taken over from them."""

    def __init__(self, budgets: Budgets, plans: WritingPlans, terms: ClaimTerms) -> None:
        self._budgets = budgets
        self._plans = plans
        self._terms = terms

    @asynccontextmanager
    async def transaction(self, borrowed: Connection) -> AsyncIterator[None]:
        """Run a block in one transaction if there are budgets, so that claim and booking are committed together."""
        if not self._budgets.are_there:
            yield
            return
        async with transaction(borrowed):
            yield

    async def book(self, borrowed: Connection, claimed: Iterable[ClaimedRequest]) -> None:
        """Book the worst case of calls for those of these requests whose process was lost."""
        lost = [request for request in claimed if request.reclaimed and self._budgets.of(request.tenant_id)]
        if lost:
            await self._plans.know(lost)
            await book_lost_calls(borrowed, [call for request in lost for call in self._calls(request)])

    def _calls(self, request: ClaimedRequest) -> list[LostCall]:
        worst = self._worst_case(request)
        if worst is None or request.lost_owner is None:
            return []
        return [
            LostCall(
                overlay_id=request.overlay_id,
                revision=request.revision,
                fencing_token=request.fencing_token - 1,
                call_number=request.llm_calls,
                owner=request.lost_owner,
                budget_id=budget.budget_id,
                amount=amount,
            )
            for budget in self._budgets.of(request.tenant_id)
            if (amount := in_unit(budget, worst.cost_usd, worst.tokens)) is not None
        ]

    def _worst_case(self, request: ClaimedRequest) -> WorstCase | None:
        """Return the worst case of a request's first call; further calls were announced. None if none was made."""
        if self._plans.problem(request):
            return None
        try:
            event = decode_overlay_completed(
                request.source, max_event_bytes=self._terms.max_event_bytes, event_types=self._terms.event_types
            )
        except (InvalidEvent, IgnoredEvent):
            return None
        plan = self._plans.of(request)
        messages = plan.template.messages(event)
        cases = [worst_case(messages, writer.max_tokens, writer.model) for writer in plan.failover.writers]
        return max(cases, key=lambda case: (case.cost_usd or 0, case.tokens))
