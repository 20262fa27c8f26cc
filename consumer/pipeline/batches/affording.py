"""Which lines of a batch their tenants' budgets can pay for: the worst case is reserved with the intent."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from consumer.llm.cost import WorstCase
from consumer.pipeline.budgets.batch_money import reserve_for_batch
from consumer.pipeline.budgets.reserving import Budgets, OverBudget
from repository.llm_models import LlmModel
from repository.pool import Connection


class Priced(Protocol):
    """A line placed in a batch."""

    @property
    def batch_id(self) -> UUID:
        """The id of its batch."""

    @property
    def tenant_id(self) -> str:
        """The tenant that pays for it."""

    @property
    def worst(self) -> WorstCase:
        """Its worst case."""

    @property
    def model(self) -> LlmModel:
        """The model that writes it."""


async def afforded(
    borrowed: Connection, budgets: Budgets, lines: Sequence[Priced]
) -> tuple[set[int], dict[str, OverBudget]]:
    """Reserve for these lines, in the transaction of the intent.

    If a tenant's budget cannot pay for all of its lines, the first half is tried, and so on. Returns the positions of
    the lines that can be paid for, and for each tenant that cannot pay for its first line the reason.
    """
    over: dict[str, OverBudget] = {}
    free = {place for place, line in enumerate(lines) if not budgets.of(line.tenant_id)}
    shares: defaultdict[tuple[UUID, str], list[int]] = defaultdict(list)
    for place, line in enumerate(lines):
        if place not in free:
            shares[line.batch_id, line.tenant_id].append(place)
    for (batch_id, tenant_id), places in shares.items():
        tried = places
        while tried:
            worst = _sum([lines[place].worst for place in tried])
            short = await reserve_for_batch(borrowed, budgets, batch_id, tenant_id, worst, lines[tried[0]].model)
            if short is None:
                free.update(tried)
                break
            if len(tried) == 1:
                over[tenant_id] = short
            tried = tried[: len(tried) // 2]
    return free, over


def _sum(cases: Sequence[WorstCase]) -> WorstCase:
    costs = [case.cost_usd for case in cases]
    total = sum((cost for cost in costs if cost is not None), Decimal(0))
    return WorstCase(sum(case.tokens for case in cases), None if None in costs else total)
