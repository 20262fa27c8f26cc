"""From the intent to a batch at the provider: uploaded, committed, created, each exactly once.

A creation without a response is not repeated at once: first the provider's list is searched for it.
"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import structlog

from consumer.llm.batches.input_file import file_line
from consumer.llm.batches.port import CreateUnanswered, ProviderBatch, ProviderRefused, ProviderUnavailable
from consumer.llm.chat import CallId
from consumer.pipeline.batches.desk import Desk
from consumer.pipeline.batches.rest import Rest
from repository.batch_lines import lines_of
from repository.batches import Batch, note_duplicate
from repository.pool import connection
from schemas.batch_state import BatchState

log = structlog.get_logger()


def file_name(batch: Batch) -> str:
    """Return the name of a batch's input file at the provider, by which it is found again."""
    return f"feed-batch-{batch.batch_id}.jsonl"


class Submission:
    """Brings batches to the provider; requests of one that it does not accept wait for another batch."""

    def __init__(self, desk: Desk, rest: Rest) -> None:
        self._desk = desk
        self._rest = rest

    async def upload(self, batch: Batch) -> Batch | None:
        """Upload the file of an intended batch, unless a lost process has done so. None: it was refused."""
        provider = self._desk.provider(batch)
        is_cancelled = batch.cancel_requested_at is not None
        there = await provider.files_named(file_name(batch)) if batch.fencing_token > 1 else []
        for surplus in there[0 if is_cancelled else 1 :]:
            await provider.delete_file(surplus)
        if is_cancelled:
            await self._rest.abandon(batch, "cancelled before it was sent", counts=False)
            return None
        try:
            file_id = there[0] if there else await self._sent(batch)
        except ProviderRefused as error:
            await self._rest.abandon(batch, str(error), counts=True)
            return None
        return await self._desk.change(batch, state=BatchState.UPLOADED, input_file_id=file_id, last_error=None)

    async def _sent(self, batch: Batch) -> str:
        async with self._desk.leased(batch):
            with tempfile.TemporaryDirectory(prefix="feed-batch-") as folder:
                path = Path(folder) / file_name(batch)
                with path.open("wb") as file:
                    async for line in lines_of(self._desk.pool, batch.batch_id):
                        file.write(file_line(CallId(line.overlay_id, line.revision, line.call_number), line.body))
                return await self._desk.provider(batch).upload(path, file_name(batch))

    async def create(self, batch: Batch) -> None:
        """Create an uploaded batch once, or find out what became of an earlier attempt."""
        if batch.create_age_s is not None:
            if found := await self._listed(batch):
                await self.adopt(batch, found)
                return
            if batch.create_age_s < self._desk.terms.confirm_s:
                await self._desk.change(batch, look_again_s=self._desk.terms.soon_s)
                return
            log.warning("batch.created_anew", batch_id=str(batch.batch_id), after_s=round(batch.create_age_s, 1))
        if batch.cancel_requested_at is not None:
            await self._rest.abandon(batch, "cancelled before it was created", counts=False)
            return
        await self._create(batch)

    async def _create(self, batch: Batch) -> None:
        terms = self._desk.terms
        file_id = batch.input_file_id
        if file_id is None:
            raise LookupError("an uploaded batch has a file")
        asked_at = datetime.now(UTC)
        batch = await self._desk.change(batch, create_began_at=asked_at, create_count=batch.create_count + 1)
        try:
            async with self._desk.leased(batch):
                created = await self._desk.provider(batch).create(file_id, batch.batch_id)
        except CreateUnanswered as error:
            log.warning("batch.create_unanswered", batch_id=str(batch.batch_id), error=str(error))
            await self._desk.change(batch, look_again_s=terms.soon_s, last_error=str(error))
        except ProviderUnavailable as error:
            # the provider says that nothing was created
            before = {"create_began_at": None, "create_count": batch.create_count - 1}
            await self._desk.change(batch, look_again_s=terms.poll_s, last_error=str(error), columns=before)
        except ProviderRefused as error:
            await self._rest.abandon(batch, str(error), counts=True)
        else:
            await self.adopt(batch, [created])

    async def _listed(self, batch: Batch) -> list[ProviderBatch]:
        if batch.input_file_id is None:
            return []
        return await self._desk.provider(batch).created_since(batch.input_file_id, batch.batch_id, batch.intended_at)

    async def adopt(self, batch: Batch, found: list[ProviderBatch]) -> None:
        """Adopt the first of the provider's batches; cancel others of the same file."""
        first, *others = found
        await self._desk.change(
            batch,
            look_again_s=min(self._desk.terms.poll_s, 1.0),
            state=BatchState.CREATED,
            provider_batch_id=first.provider_batch_id,
            provider_status=first.status,
            submitted_at=first.created_at,
            expires_at=first.expires_at,
            last_error=None,
        )
        log.info(
            "batch.created",
            batch_id=str(batch.batch_id),
            provider_batch_id=first.provider_batch_id,
            requests=batch.request_count,
        )
        await self._note(batch, others)

    async def look_for_second(self, batch: Batch) -> None:
        """Check whether the provider created a batch twice after its creation was repeated."""
        others = [one for one in await self._listed(batch) if one.provider_batch_id != batch.provider_batch_id]
        await self._note(batch, others)

    async def _note(self, batch: Batch, others: list[ProviderBatch]) -> None:
        for other in others:
            async with connection(self._desk.pool) as borrowed:
                if await note_duplicate(borrowed, batch, other.provider_batch_id):
                    log.error(
                        "batch.created_twice",
                        batch_id=str(batch.batch_id),
                        provider_batch_id=batch.provider_batch_id,
                        second=other.provider_batch_id,
                    )
