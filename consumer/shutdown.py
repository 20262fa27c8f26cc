"""Ending one thing after the other: none may hold up the rest, whatever state it is in."""

import asyncio
import os
from collections.abc import Awaitable, Coroutine, Iterable
from threading import Timer
from typing import Any, TypeVar

import structlog
from aiokafka.errors import KafkaError

from repository.errors import StoreError

log = structlog.get_logger()

EXIT_CUT_OFF = 1
LET_GO_S = 5.0
CANCEL_AGAIN_S = 1.0

Opened = TypeVar("Opened")


async def within_deadline(ending: Awaitable[object], *, deadline_s: float, or_else: str, **context: str) -> bool:
    """Wait for an end; if it does not come, log `or_else`, cancel it and go on: the next start makes up for it.

    A deadline is needed: aiokafka's stop waits without limit for a dead coordinator (#659). Returns whether it came.
    """
    task = asyncio.ensure_future(ending)
    try:
        await asyncio.wait([task], timeout=deadline_s)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not task.done():
        log.warning(or_else, error=f"not within {deadline_s:g} s", **context)
        await until_ended([task])
    elif task.cancelled():  # aiokafka's stop raises that of a fetch that it has cancelled itself
        log.warning(or_else, error=asyncio.CancelledError.__name__, **context)
    elif isinstance(error := task.exception(), (TimeoutError, StoreError, KafkaError, OSError)):
        log.warning(or_else, error=f"{type(error).__name__}: {error}", **context)
    elif error is not None:
        raise error
    else:
        return True
    return False


async def until_ended(tasks: "Iterable[asyncio.Future[Any]]") -> None:
    """Cancel tasks until all have ended.

    Once is not enough: one whose client gives up at that very moment takes the cancellation for its timeout, and one
    that was cancelled in a statement waits for the server to confirm that, before the connection goes back.
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


def exit_at_latest(after_s: float) -> None:
    """Have the process end by then, whatever holds it up, be it the event loop itself."""
    timer = Timer(after_s, _exit)
    timer.daemon = True
    timer.start()


def _exit() -> None:
    log.error("stop.cut_off", advice="results that were paid for are in the spool, or named above")
    os._exit(EXIT_CUT_OFF)
