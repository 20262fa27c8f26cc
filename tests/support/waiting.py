"""Waiting for a condition with a deadline, in place of sleeping."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar, overload

T = TypeVar("T")
POLL_S = 0.02


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
    while True:
        answer, failure = await _ask(condition)
        if failure is None and answer:
            return answer
        if monotonic() > give_up_at:
            raise AssertionError(f"not within {deadline_s} s; last answer: {failure or answer!r}") from failure
        await asyncio.sleep(POLL_S)


async def _ask(condition: Callable[[], object]) -> tuple[object, AssertionError | None]:
    try:
        answer = condition()
        return (await answer if inspect.isawaitable(answer) else answer), None
    except AssertionError as failure:
        return None, failure
