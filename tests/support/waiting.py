"""Waiting for a condition with a deadline, in place of sleeping."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar, overload

T = TypeVar("T")
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.2


@overload
async def eventually(condition: Callable[[], Awaitable[T]], deadline_s: float = 10.0) -> T: ...
@overload
async def eventually(condition: Callable[[], T], deadline_s: float = 10.0) -> T: ...
async def eventually(condition: Callable[[], object], deadline_s: float = 10.0) -> object:
    """Ask until the condition, plain or async, gives something true, and return that.

    A condition may also assert: a failed assertion means "not yet".

    Raises:
        AssertionError: not within the deadline; carries the last answer or failed assertion.
    """
    give_up_at = monotonic() + deadline_s
    pause_s = FIRST_PAUSE_S
    while True:
        answer, failure = await _ask(condition)
        if failure is None and answer:
            return answer
        if monotonic() > give_up_at:
            raise AssertionError(f"not within {deadline_s} s; last answer: {failure or answer!r}") from failure
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.25, LONGEST_PAUSE_S)  # asking takes CPU from what is waited for


async def _ask(condition: Callable[[], object]) -> tuple[object, AssertionError | None]:
    try:
        answer = condition()
        return (await answer if inspect.isawaitable(answer) else answer), None
    except AssertionError as failure:
        return None, failure
