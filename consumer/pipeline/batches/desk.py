"""What the steps of a batch share: the database, the providers, and the lease of the batch."""

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
    """How often a batch is polled, and how long a creation without a response is searched for."""

    poll_s: float
    confirm_s: float
    lease_s: float

    @property
    def soon_s(self) -> float:
        """The interval for results expected at any moment."""
        return min(self.poll_s, max(0.2, self.confirm_s / 20))


@dataclass(frozen=True, slots=True)
class Desk:
    """The database, the providers by name, the terms, and the budgets."""

    pool: Pool
    providers: Mapping[str, BatchProvider]
    terms: BatchTerms
    budgets: Budgets

    def provider(self, batch: Batch) -> BatchProvider:
        """Return the provider of a batch, which existed when it was intended.

        Raises:
            KeyError: its key is no longer set.
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
        """Set columns of a batch; without a time for the next poll it stays leased here.

        Raises:
            BatchLeaseLost: another process holds it.
            StoreError: nothing was changed.
        """
        kept_s = self.terms.lease_s if look_again_s is None else look_again_s
        owner = {} if look_again_s is None else {"lease_owner": None}
        async with connection(self.pool) as borrowed:
            return await change_batch(borrowed, batch, look_again_s=kept_s, columns={**columns, **more, **owner})

    async def finish(self, batch: Batch) -> None:
        """Stop polling a batch."""
        async with connection(self.pool) as borrowed:
            await change_batch(borrowed, batch, look_again_s=None, columns={"lease_owner": None})

    @asynccontextmanager
    async def leased(self, batch: Batch) -> AsyncIterator[None]:
        """Keep a batch leased during a long operation."""
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
            # a lost lease is noticed at the next write
            with suppress(BatchLeaseLost, StoreError):
                await self.change(batch)
