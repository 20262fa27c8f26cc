"""What the steps of a batch share: where it is kept, who the provider is, and for how long it is ours."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType

from consumer.llm.batches.port import BatchProvider
from consumer.pipeline.budgets.reserving import Budgets
from repository.batches import Batch, BatchLeaseLost, change_batch
from repository.errors import StoreError
from repository.pool import Pool, connection


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTerms:
    """How often a batch is looked at, and how long one whose creation was not answered is looked for."""

    poll_s: float
    confirm_s: float
    lease_s: float

    @property
    def soon_s(self) -> float:
        """When to look again for what may show any moment."""
        return min(self.poll_s, max(0.2, self.confirm_s / 20))


@dataclass(frozen=True, slots=True)
class Desk:
    """The database, the providers by their names, the terms, and the budgets that batches count for."""

    pool: Pool
    providers: Mapping[str, BatchProvider]
    terms: BatchTerms
    budgets: Budgets

    def provider(self, batch: Batch) -> BatchProvider:
        """Return the provider of a batch, which had one when it was intended.

        Raises:
            KeyError: its key is not set any more.
        """
        return self.providers[batch.provider]

    async def change(
        self,
        batch: Batch,
        *,
        look_again_s: float | None = None,
        columns: Mapping[str, object] = MappingProxyType({}),
        **more: object,
    ) -> Batch:
        """Set columns of a batch; without a time to look again it stays leased here.

        Raises:
            BatchLeaseLost: another process has it.
            StoreError: nothing is changed.
        """
        kept_s = self.terms.lease_s if look_again_s is None else look_again_s
        owner = {} if look_again_s is None else {"lease_owner": None}
        async with connection(self.pool) as borrowed:
            return await change_batch(borrowed, batch, look_again_s=kept_s, columns={**columns, **more, **owner})

    async def finish(self, batch: Batch) -> None:
        """Look at a batch no more."""
        async with connection(self.pool) as borrowed:
            await change_batch(borrowed, batch, look_again_s=None, columns={"lease_owner": None})

    @asynccontextmanager
    async def leased(self, batch: Batch) -> AsyncIterator[None]:
        """Keep a batch leased while something takes its time."""
        keeping = asyncio.create_task(self._keep(batch))
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    async def _keep(self, batch: Batch) -> None:
        while True:
            await asyncio.sleep(self.terms.lease_s / 3)
            # whoever lost it finds out when it wants to write
            with suppress(BatchLeaseLost, StoreError):
                await self.change(batch)
