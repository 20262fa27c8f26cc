"""Polling the status of a batch at the provider, and what follows from it."""

from datetime import UTC, datetime

import structlog

from consumer.llm.batches.enqueued_tokens import after_refusal, after_success
from consumer.llm.batches.port import NotThere, ProviderBatch
from consumer.pipeline.batches.desk import Desk
from consumer.pipeline.batches.rest import Rest
from consumer.pipeline.batches.submission import Submission
from repository.batches import Batch, enqueued_tokens, learn_limit
from repository.pool import connection
from schemas.batch_state import BatchState

log = structlog.get_logger()

UNSTOPPABLE = {"cancelling", "finalizing"}


class Polling:
    """Polls batches at the provider."""

    def __init__(self, desk: Desk, submission: Submission, rest: Rest) -> None:
        self._desk = desk
        self._submission = submission
        self._rest = rest

    async def look(self, batch: Batch) -> Batch | None:
        """Poll once. Returns the batch if its results can be collected."""
        provider = self._desk.provider(batch)
        if batch.provider_batch_id is None:
            raise LookupError("a created batch has an id at its provider")
        try:
            told = await provider.retrieve(batch.provider_batch_id)
        except NotThere as error:
            await self._rest.abandon(batch, f"the provider no longer knows the batch: {error}", counts=True)
            return None
        # even if requested only once: something in between may have repeated the request
        if batch.duplicate_of is None and (batch.create_count > 1 or batch.provider_status != told.status):
            await self._submission.look_for_second(batch)
        if batch.cancel_requested_at is not None and not told.has_ended and told.status not in UNSTOPPABLE:
            await provider.cancel(batch.provider_batch_id)
        columns = _columns(told)
        if not told.has_ended:
            await self._desk.change(batch, look_again_s=self._desk.terms.poll_s, columns=columns)
            return None
        batch = await self._desk.change(batch, columns=columns)
        if told.status == "failed" and not (told.output_file_id or told.error_file_id):
            await self._give_back(batch, told)
            return None
        await self._learn_from_success(batch, told)
        return await self._desk.change(batch, state=BatchState.ENDED, ended_at=datetime.now(UTC))

    async def _give_back(self, batch: Batch, told: ProviderBatch) -> None:
        """Return the requests of a batch that failed validation: nothing of it was answered or billed."""
        limits = [one for one in told.problems if one.is_token_limit]
        said = "; ".join(f"{one.code}: {one.message}" for one in told.problems[:3]) or "no reason is told"
        if limits:
            await self._learn_from_refusal(batch, limits[0].message)
            await self._rest.abandon(batch, said, counts=False)
            return
        blamed = {one.line for one in told.problems if one.line is not None}
        await self._rest.abandon(batch, f"failed at its validation: {said}", counts=True, blamed=blamed)

    async def _learn_from_refusal(self, batch: Batch, message: str) -> None:
        model_id = batch.model.llm_model_id
        async with connection(self._desk.pool) as borrowed:
            enqueued, known = await enqueued_tokens(borrowed, model_id)
            limit = after_refusal(message, enqueued=enqueued, known=known)
            await learn_limit(borrowed, model_id, limit)
        log.warning("batch.token_limit", batch_id=str(batch.batch_id), model=batch.model.full_name, limit_tokens=limit)

    async def _learn_from_success(self, batch: Batch, told: ProviderBatch) -> None:
        if told.status != "completed":
            return
        model_id = batch.model.llm_model_id
        async with connection(self._desk.pool) as borrowed:
            enqueued, known = await enqueued_tokens(borrowed, model_id)
            limit = after_success(enqueued=enqueued, known=known)
            if limit is not None and limit != known:
                await learn_limit(borrowed, model_id, limit)


def _columns(told: ProviderBatch) -> dict[str, object]:
    return {
        "provider_status": told.status,
        "completed_count": told.completed,
        "failed_count": told.failed,
        "output_file_id": told.output_file_id,
        "error_file_id": told.error_file_id,
        "expires_at": told.expires_at,
        "last_error": None,
    }
