"""The loop of batches: performs the next step of each batch that is due, and creates new ones.

Any number of processes run it; each batch is leased to one of them at a time.
"""

import asyncio
from typing import assert_never

import structlog

from consumer.llm.batches.port import BatchProviderError
from consumer.pipeline.batches.collecting import Collector
from consumer.pipeline.batches.desk import Desk
from consumer.pipeline.batches.gathering import Gatherer
from consumer.pipeline.batches.polling import Polling
from consumer.pipeline.batches.rest import Rest
from consumer.pipeline.batches.submission import Submission
from repository.batches import Batch, BatchLeaseLost, UnreadableBatch, claim_batch, set_apart
from repository.errors import StoreError
from repository.pool import connection
from schemas.batch_state import BatchState

log = structlog.get_logger()

LONGEST_TICK_S = 5.0
AFTER_DEFECT_S = 300.0


class BatchRunner:
    """Advances all batches."""

    def __init__(  # noqa: PLR0913 - the steps
        self,
        desk: Desk,
        gatherer: Gatherer,
        submission: Submission,
        polling: Polling,
        collector: Collector,
        rest: Rest,
        *,
        owner: str,
        group_id: str,
        tick_s: float,
    ) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._submission = submission
        self._polling = polling
        self._collector = collector
        self._rest = rest
        self._owner = owner
        self._group_id = group_id
        self._tick_s = min(LONGEST_TICK_S, tick_s)

    async def run(self) -> None:
        """Advance batches forever."""
        while True:
            try:
                did_something = await self.run_once()
            except StoreError as error:
                log.warning("batches.store_unavailable", error=str(error))
                did_something = 0
            except Exception:
                # a bug must not affect live events
                log.exception("batches.defect")
                await asyncio.sleep(AFTER_DEFECT_S)
                did_something = 0
            if not did_something:
                await asyncio.sleep(self._tick_s)

    async def run_once(self) -> int:
        """Perform one step of each batch that is due, and create new ones. Returns how many steps.

        Raises:
            StoreError: the database could not be read.
        """
        done = 0
        while (batch := await self._claim()) is not None:
            await self._step_or_later(batch)
            done += 1
        return done + await self._gatherer.run_once()

    async def _claim(self) -> Batch | None:
        while True:
            async with connection(self._desk.pool) as borrowed:
                try:
                    return await claim_batch(
                        borrowed, owner=self._owner, lease_s=self._desk.terms.lease_s, group_id=self._group_id
                    )
                except UnreadableBatch as error:
                    log.error("batch.unreadable", batch_id=str(error.batch_id))  # noqa: TRY400 - told in full
                    await set_apart(borrowed, error.batch_id, reason="its row cannot be read: changed by hand?")

    async def _step_or_later(self, batch: Batch) -> None:
        try:
            await self._step(batch)
        except BatchLeaseLost:
            log.info("batch.lease_lost", batch_id=str(batch.batch_id))
        except (BatchProviderError, StoreError, KeyError) as error:
            log.warning("batch.put_off", batch_id=str(batch.batch_id), error=f"{type(error).__name__}: {error}")
            await self._put_off(batch, str(error), self._desk.terms.poll_s)
        except Exception as error:
            # a bug must not affect live events
            log.exception("batch.defect", batch_id=str(batch.batch_id))
            await self._put_off(batch, f"a defect of this program: {type(error).__name__}", AFTER_DEFECT_S)

    async def _put_off(self, batch: Batch, detail: str, later_s: float) -> None:
        try:
            await self._desk.change(batch, look_again_s=later_s, last_error=detail)
        except BatchLeaseLost:
            return

    async def _step(self, batch: Batch) -> None:
        match batch.state:
            case BatchState.INTENDED:
                if uploaded := await self._submission.upload(batch):
                    await self._submission.create(uploaded)
            case BatchState.UPLOADED:
                await self._submission.create(batch)
            case BatchState.CREATED:
                if ended := await self._polling.look(batch):
                    await self._collector.collect(ended)
            case BatchState.ENDED:
                await self._collector.collect(batch)
            case BatchState.COLLECTED | BatchState.ABANDONED:
                await self._rest.tidy_up(batch)
            case never:
                assert_never(never)
