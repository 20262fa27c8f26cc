"""Runs of several real consumers on one budget, judged by the provider's ledger."""

import random
import signal
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from devstack.simulated_llm.control import SimulatedLlmControl
from devstack.simulated_llm.ledger import LedgerCall
from repository.pool import Pool
from tests.support.budgets import booked, held, set_budget
from tests.support.consumer_process import running_consumer
from tests.support.kafka_records import encoded, overlay_event, send
from tests.support.topics import Topics
from tests.support.waiting import eventually

SETTINGS: Final = {"MAX_IN_FLIGHT": "20", "LEASE_S": "3", "LLM_TIMEOUT_S": "2", "RETRY_BASE_S": "0.1"}
CUT_OFF: Final = {"kind": "hang", "hang_s": 4, "rate": 0.2}
"""A fifth of the calls is given up before the answer comes, which is billed all the same."""
PROMPT_USD, CACHED_USD, COMPLETION_USD = Decimal("0.15e-6"), Decimal("0.075e-6"), Decimal("0.60e-6")
DEADLINE_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run came to. `billed` is the provider's; `unknown` the worst case of calls whose end nobody knows."""

    limit: Decimal
    billed: Decimal
    booked: Decimal
    unknown: Decimal
    held: int
    calls: int
    released_after_s: float = 0.0


_OPEN = """
    SELECT count(*) FROM feed_requests
    WHERE state NOT IN ('done', 'failed', 'held') OR (state = 'held' AND held_budget_id IS NULL)
"""


class BudgetRun:
    """The surroundings of a run."""

    def __init__(
        self, env: Mapping[str, str], servers: str, topics: Topics, llm: SimulatedLlmControl, pool: Pool
    ) -> None:
        self._env = {**env, **SETTINGS}
        self._servers = servers
        self._topic = topics.incoming
        self._llm = llm
        self._pool = pool

    async def spend(self, *, processes: int, usd: Decimal, events: int, kills: int = 0) -> Figures:
        """Have processes write for a budget until all is done or held; then raise it, and see how soon calls go on."""
        await self._llm.set_latency("lognormal:0.15:0.5")
        await set_budget(self._pool, tenant_id=None, usd=f"{usd:f}")
        texts = ("Cotton shirt. " * random.randint(1, 200) for _ in range(events))
        async with AsyncExitStack() as stack:
            running = [await stack.enter_async_context(running_consumer(self._env)) for _ in range(processes)]
            await send(self._servers, self._topic, [encoded(overlay_event(product_description=text)) for text in texts])
            for number in range(kills):
                await self._until_ended(events * (number + 1) // (kills + 2))
                running[number % processes].signal(signal.SIGKILL)
                running[number % processes] = await stack.enter_async_context(running_consumer(self._env))
            await eventually(lambda: self._all_have_come_to_rest(events), DEADLINE_S)
            figures = await self._figures(usd)
            if figures.held:
                figures = replace(figures, released_after_s=await self._raised(usd * 2))
        return figures

    async def _until_ended(self, count: int) -> None:
        async def so_many_have() -> bool:
            return int(await self._pool.fetchval("SELECT count(*) FROM feed_requests WHERE state = 'done'")) >= count

        await eventually(so_many_have, DEADLINE_S)

    async def _all_have_come_to_rest(self, events: int) -> bool:
        known, open_ = await self._pool.fetchval("SELECT count(*) FROM feed_requests"), await self._pool.fetchval(_OPEN)
        in_hand = await self._pool.fetchval("SELECT coalesce(sum(drawn - spent), 0) FROM budget_slices")
        in_flight = any(call.in_flight for call in (await self._llm.ledger()).calls)
        return (known, open_, in_hand, in_flight) == (events, 0, 0, False)

    async def _figures(self, usd: Decimal) -> Figures:
        calls = (await self._llm.ledger()).calls
        unknown = await self._pool.fetchval("SELECT coalesce(sum(amount), 0) FROM budget_unsettled_calls")
        return Figures(
            limit=usd,
            billed=sum(map(price_of, calls), Decimal(0)),
            booked=await booked(self._pool),
            unknown=unknown,
            held=len(await held(self._pool)),
            calls=len(calls),
        )

    async def _raised(self, usd: Decimal) -> float:
        """Raise the budget; gives how long until the next call is made, in s."""
        before = len((await self._llm.ledger()).calls)
        raised_at = time.monotonic()
        await set_budget(self._pool, tenant_id=None, usd=f"{usd:f}")

        async def calls_go_on() -> bool:
            return len((await self._llm.ledger()).calls) > before

        await eventually(calls_go_on, DEADLINE_S)
        return time.monotonic() - raised_at


def price_of(call: LedgerCall) -> Decimal:
    """What the provider bills for a call, in USD."""
    full = call.prompt_tokens - call.cached_prompt_tokens
    tokens = full * PROMPT_USD + call.cached_prompt_tokens * CACHED_USD + call.completion_tokens * COMPLETION_USD
    return tokens * Decimal(str(call.price_factor)) if call.billed else Decimal(0)
