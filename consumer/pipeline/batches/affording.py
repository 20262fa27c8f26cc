"""Which lines of a batch their tenants' budgets have money for: it is reserved with the intent, at the worst case."""

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
    """A line that has its place in a batch."""

    @property
    def batch_id(self) -> UUID:
        """Its batch."""

    @property
    def tenant_id(self) -> str:
        """Whose money it takes."""

    @property
    def worst(self) -> WorstCase:
        """What it takes at most."""

    @property
    def model(self) -> LlmModel:
        """What it is written by."""


async def afforded(
    borrowed: Connection, budgets: Budgets, lines: Sequence[Priced]
) -> tuple[set[int], dict[str, OverBudget]]:
    """Reserve for these lines, in the transaction of the intent.

    Of a tenant whose budget has too little for all of its lines the first half is tried, and so on. Gives the places
    of the lines that there is money for, and of the tenants for whose first line there is none, why.
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
