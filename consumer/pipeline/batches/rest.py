"""Requests that got no post from a batch: they continue in another batch or live, or fail.

A batch that the provider did not accept uses up no attempt; one that ran and gave a request no result does.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

import structlog

from consumer.llm.errors import CallFailed, LlmError
from consumer.pipeline.batches.desk import Desk
from consumer.pipeline.batches.group_store import GroupStore, Settled
from consumer.pipeline.budgets.batch_money import close_batch_money
from consumer.pipeline.outcomes import Rejected, Usage, usage_so_far
from repository.batch_lines import OpenLine, next_open_lines
from repository.batch_requests import SentOn
from repository.batches import Advance, Batch
from repository.pool import connection
from repository.requests import ClaimedRequest
from schemas.batch_state import BatchState
from schemas.reasons import Reason

log = structlog.get_logger()

GROUP = 200
ALIKE_POLLS = 10  # everybody's faults need people, or time


@dataclass(frozen=True, slots=True, kw_only=True)
class RestTerms:
    """How often a request is tried by batch, and what follows."""

    max_attempts: int
    falls_back: bool


class Rest:
    """Sends on requests without a post."""

    def __init__(self, desk: Desk, store: GroupStore, terms: RestTerms) -> None:
        self._desk = desk
        self._store = store
        self._terms = terms

    @property
    def alike_delay_s(self) -> float:
        """How long a request waits that was refused for everybody's fault."""
        return ALIKE_POLLS * self._desk.terms.poll_s

    def after_failure(
        self,
        batch: Batch,
        request: ClaimedRequest,
        usage: Usage,
        error: LlmError,
        *,
        counts: bool,
        delay_s: float = 0.0,
    ) -> SentOn | Rejected:
        """Return how a request continues after `error`; `counts`: whether that used up an attempt."""
        attempts = request.attempts + counts
        is_used_up = attempts >= self._terms.max_attempts
        if is_used_up and not self._terms.falls_back and not batch.rest_goes_live:
            return Rejected(request=request, usage=usage, attempts=attempts, reason=error.reason, detail=str(error))
        goes_live = is_used_up or batch.rest_goes_live
        return sent_on(
            request,
            usage,
            goes_live=goes_live,
            attempts=0 if goes_live else attempts,
            delay_s=delay_s,
            reason=error.reason,
            detail=str(error),
        )

    async def send_on(self, batch: Batch, detail: str, *, counts: bool, blamed: Collection[int] = ()) -> int:
        """Send on all requests of a batch that have no result. Returns how many.

        `blamed`: if given, only the lines with these numbers used up an attempt.
        """
        sent = 0
        while True:
            async with connection(self._desk.pool) as borrowed:
                lines = await next_open_lines(borrowed, batch.batch_id, limit=GROUP)
            if not lines:
                return sent
            settled = [
                self._settled(batch, one, detail, counts=one.line.line_number in blamed if blamed else counts)
                for one in lines
            ]
            await self._store.commit(batch, settled, Advance(file=None, position=0, cost_usd=Decimal(0)))
            sent += len(lines)

    def _settled(self, batch: Batch, open_line: OpenLine, detail: str, *, counts: bool) -> Settled:
        if not open_line.is_in_batch:
            return Settled(line=open_line.line, word="superseded")
        request = open_line.request
        outcome = self.after_failure(batch, request, usage_so_far(request), CallFailed(detail), counts=counts)
        return Settled(line=open_line.line, word="no_result", outcome=outcome)

    async def abandon(self, batch: Batch, detail: str, *, counts: bool, blamed: Collection[int] = ()) -> None:
        """Abandon a batch that the provider did not accept; its requests continue."""
        sent = await self.send_on(batch, detail, counts=counts, blamed=blamed)
        log.warning("batch.abandoned", batch_id=str(batch.batch_id), reason=detail, requests=sent)
        batch = await self._desk.change(batch, state=BatchState.ABANDONED, last_error=detail)
        await self.tidy_up(batch)

    async def tidy_up(self, batch: Batch) -> None:
        """Release the money that a batch did not use, delete its files (they contain shops' texts), stop polling it."""
        provider = self._desk.provider(batch)
        for file_id in batch.file_ids:
            await provider.delete_file(file_id)
        async with connection(self._desk.pool) as borrowed:
            await close_batch_money(borrowed, batch.batch_id)
        await self._desk.finish(batch)


def sent_on(
    request: ClaimedRequest,
    usage: Usage,
    *,
    goes_live: bool,
    attempts: int,
    reason: Reason,
    detail: str,
    delay_s: float = 0.0,
) -> SentOn:
    """Return a request that continues without a post."""
    return SentOn(
        overlay_id=request.overlay_id,
        revision=request.revision,
        goes_live=goes_live,
        delay_s=delay_s,
        attempts=attempts,
        llm_calls=usage.llm_calls,
        spent=usage.spent,
        reason=reason,
        detail=detail,
        unused_calls=usage.unused,
    )
