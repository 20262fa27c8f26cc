"""Ending one thing after the other: none may hold up the rest, whatever state it is in."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from typing import TypeVar

import structlog
from aiokafka.errors import KafkaError

from repository.errors import StoreError

log = structlog.get_logger()

LET_GO_S = 5.0
CANCEL_AGAIN_S = 1.0

Opened = TypeVar("Opened")


async def within_deadline(ending: Awaitable[object], *, deadline_s: float, or_else: str, **context: str) -> None:
    """Wait for an end; if it does not come, log `or_else` and go on: the next start makes up for it.

    A deadline is needed: aiokafka's stop waits without limit for a dead coordinator (#659).
    """
    try:
        async with asyncio.timeout(deadline_s):
            await ending
    except (TimeoutError, StoreError, KafkaError, OSError) as error:
        log.warning(or_else, error=f"{type(error).__name__}: {error}", **context)
    except asyncio.CancelledError as error:
        # aiokafka's stop raises that of a fetch that it has cancelled itself; only ours is for us
        if (task := asyncio.current_task()) and task.cancelling():
            raise
        log.warning(or_else, error=type(error).__name__, **context)


async def until_ended(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel tasks until all have ended.

    Once is not enough: one whose client gives up at that very moment takes the cancellation for its timeout.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)


async def unless_stopped(stop: asyncio.Event, beginning: Coroutine[object, object, Opened]) -> Opened | None:
    """Wait for a beginning, or for the stop if that comes first: then it is broken off, and there is nothing.

    Raises:
        Exception: what the beginning raises.
    """
    begun, stopped = asyncio.create_task(beginning), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([begun, stopped], return_when=asyncio.FIRST_COMPLETED)
        if begun.done():
            return begun.result()
        return None
    finally:
        stopped.cancel()
        begun.cancel()
        await asyncio.wait([begun], timeout=LET_GO_S)
        if begun.done() and not begun.cancelled():
            begun.exception()  # what went wrong on the way back concerns nobody any more
