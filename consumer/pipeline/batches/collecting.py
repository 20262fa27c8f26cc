"""Collecting the results of a batch: group by group, however large its files are, from the last committed position.

A truncated file is fetched again from the last complete line processed. Requests in no file continue without a result.
"""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import structlog

from consumer.llm.batches.port import FileCutOff, NotThere
from consumer.llm.batches.result_file import Result, ResultGroup, groups, read_result
from consumer.llm.completion import Completion
from consumer.llm.cost import spending
from consumer.pipeline.batches.desk import Desk
from consumer.pipeline.batches.group_store import GroupStore, Settled
from consumer.pipeline.batches.one_ahead import OneAhead, one_ahead
from consumer.pipeline.batches.rest import Rest
from consumer.pipeline.batches.result_judgement import Judged, ResultJudge
from consumer.pipeline.in_flight import ClaimTerms
from consumer.pipeline.outcomes import Written
from consumer.pipeline.tenants.known_tenants import Tenants
from consumer.pipeline.writing_plans import WritingPlans
from repository.batch_lines import OpenLine, lines_there, open_lines
from repository.batch_requests import RequestKey
from repository.batches import Advance, Batch, ResultFile
from repository.pool import connection
from repository.spending import NOTHING_SPENT, Spending
from schemas.batch_state import BatchState
from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed

log = structlog.get_logger()

JUDGED_AT_ONCE = 10  # so that live events wait milliseconds at most
MOST_CUTS = 5


class Collector:
    """Processes the results of batches that have ended."""

    def __init__(
        self,
        desk: Desk,
        judge: ResultJudge,
        store: GroupStore,
        rest: Rest,
        plans: WritingPlans,
        tenants: Tenants,
        claim_terms: ClaimTerms,
    ) -> None:
        self._desk = desk
        self._judge = judge
        self._store = store
        self._rest = rest
        self._plans = plans
        self._tenants = tenants
        self._claim_terms = claim_terms

    async def collect(self, batch: Batch) -> None:
        """Process all results, then send on requests without one, and delete the files.

        Raises:
            BatchProviderError: the provider cannot be read now; committed groups stay committed.
            BatchLeaseLost: another process continues.
            StoreError: the database cannot be written now; committed groups stay committed.
        """
        async with self._desk.leased(batch):
            for file in ("output", "error"):
                await self._collect_file(batch, file)
            without = 0
            if batch.duplicate_of is None:
                detail = f"no result in the batch, which ended as {batch.provider_status}"
                without = await self._rest.send_on(batch, detail, counts=True)
        batch = await self._desk.change(batch, state=BatchState.COLLECTED, collected_at=datetime.now(UTC))
        log.info(
            "batch.collected",
            batch_id=str(batch.batch_id),
            provider_status=batch.provider_status,
            requests=batch.request_count,
            without_result=without,
            strays=batch.stray_count,
            suspects=batch.suspect_count,
            cost_usd=f"{batch.cost_usd:f}",
        )
        await self._rest.tidy_up(batch)

    async def _collect_file(self, batch: Batch, file: ResultFile) -> None:
        file_id = batch.output_file_id if file == "output" else batch.error_file_id
        position, cuts = batch.position(file), 0
        while file_id and cuts < MOST_CUTS:
            try:
                reached, is_whole = await self._read(batch, file, file_id, position)
            except NotThere as error:
                log.error("batch.file_gone", batch_id=str(batch.batch_id), error=str(error))  # noqa: TRY400 - the line says it all
                return
            if is_whole:
                return
            cuts = cuts + 1 if reached == position else 0
            position = reached

    async def _read(self, batch: Batch, file: ResultFile, file_id: str, position: int) -> tuple[int, bool]:
        """Process a file's results from this position on; returns the position reached, and whether it is the end."""
        async with one_ahead() as ahead:
            try:
                async for group in groups(self._desk.provider(batch), file_id, position):
                    await self._take(batch, file, group, ahead)
                    position = group.end
            except FileCutOff as error:
                log.warning("batch.file_cut_off", batch_id=str(batch.batch_id), error=str(error))
                return position, False
        return position, True

    async def _take(self, batch: Batch, file: ResultFile, group: ResultGroup, ahead: OneAhead) -> None:
        results = [read_result(line) for line in group.lines if line.strip()]
        if batch.duplicate_of is not None:
            unused = await self._spent(batch, results)
            cost_usd = sum((spent.cost_usd or Decimal(0) for spent in unused), Decimal(0))
            step = Advance(file=file, position=group.end, cost_usd=cost_usd)
            await ahead.put(self._store.commit(batch, (), step, unused=unused), ())
            return
        judged, strays = await self._judged(batch, results, ahead.keys)
        suspects = sum(one.is_suspect for one in judged.values())
        if suspects:
            log.error("batch.suspect", batch_id=str(batch.batch_id), results=suspects)
        step = Advance(file=file, position=group.end, cost_usd=Decimal(0), strays=strays, suspects=suspects)
        settled = [one.settled for one in judged.values()]
        await ahead.put(self._store.commit(batch, settled, step), judged.keys())

    async def _judged(
        self, batch: Batch, results: list[Result], being_stored: Collection[RequestKey]
    ) -> tuple[dict[RequestKey, Judged], int]:
        """Judge each result that has an open line; others are strays, of unknown lines or repeated ones."""
        found: dict[RequestKey, Result] = {}
        for result in results:
            if result.call_id is not None:
                found.setdefault((result.call_id.overlay_id, result.call_id.revision), result)
        async with connection(self._desk.pool) as borrowed:
            lines = await open_lines(borrowed, batch.batch_id, [key for key in found if key not in being_stored])
        await self._tenants.know(one.request.tenant_id for one in lines.values())
        await self._plans.know(one.request for one in lines.values())
        judged = {}
        for number, (key, one) in enumerate(lines.items()):
            if number % JUDGED_AT_ONCE == 0:
                await asyncio.sleep(0)
            if settled := self._judge_one(batch, one, found[key]):
                judged[key] = settled
        return judged, len(results) - len(lines)

    def _judge_one(self, batch: Batch, one: OpenLine, result: Result) -> Judged | None:
        terms = self._claim_terms
        if not one.is_in_batch:
            spent = _spent_on(batch, result)
            tenant_id = one.request.tenant_id
            return Judged(settled=Settled(line=one.line, word="superseded", spent=spent, tenant_id=tenant_id))
        try:
            event = decode_overlay_completed(
                one.request.source, max_event_bytes=terms.max_event_bytes, event_types=terms.event_types
            )
        except (InvalidEvent, IgnoredEvent):
            # no longer valid by a later contract: the sweeper fails it
            return None
        judged = self._judge.judge(batch, one, event, result)
        if isinstance(judged.settled.outcome, Written):
            self._tenants.remember(event, judged.settled.outcome.edited.fingerprint)
            return replace(judged, settled=self._store.with_feed(judged.settled))
        return judged

    async def _spent(self, batch: Batch, results: list[Result]) -> list[Spending]:
        """Return what the lines of a second batch took, whose results are not used."""
        keys = [(one.call_id.overlay_id, one.call_id.revision) for one in results if one.call_id]
        async with connection(self._desk.pool) as borrowed:
            there = await lines_there(borrowed, batch.duplicate_of or batch.batch_id, keys)
        ours = (one for one in results if one.call_id and (one.call_id.overlay_id, one.call_id.revision) in there)
        return [_spent_on(batch, one) for one in ours]


def _spent_on(batch: Batch, result: Result) -> Spending:
    if not isinstance(result.outcome, Completion):
        return NOTHING_SPENT
    return spending(result.outcome, batch.model.at_reduced_price())
