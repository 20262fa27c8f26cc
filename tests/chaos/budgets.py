"""A budget of all tenants that is nearly spent all the time: raised a little, again and again, until calm returns."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

from tests.chaos.observations import BudgetSample
from tests.chaos.observers import SERVER_AWAY, Rows

PLENTY_USD = Decimal(1_000)
STEP_USD = Decimal("0.01")
RAISE_EVERY_S = 1.0


async def raise_again_and_again(rows: Rows, calm: asyncio.Event) -> Sequence[BudgetSample]:
    """Leave so little that requests are held, and a little more every second; plenty at the end.

    Gives what was booked and allowed before each raise.
    """
    samples: list[BudgetSample] = []
    await rows.set_budget(STEP_USD)
    while not calm.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(RAISE_EVERY_S):
                await calm.wait()
        with suppress(*SERVER_AWAY):
            samples.append(await rows.budget())
            # never lowered: what is booked falls when calls of lost processes are found, what is reserved stays
            await rows.set_budget(max(samples[-1].limit, samples[-1].booked + STEP_USD))
    while True:
        with suppress(*SERVER_AWAY):
            await rows.set_budget(PLENTY_USD)
            return samples
        await asyncio.sleep(RAISE_EVERY_S)
