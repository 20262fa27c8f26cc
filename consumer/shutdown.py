"""Shutting down one part after another, each within a deadline, whatever state it is in."""

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
    """Wait for a step of the shutdown; if it takes too long, log `or_else` and cancel it.

    The next start makes up for it. A deadline is needed: aiokafka's stop waits without limit for a dead coordinator
    (#659). Returns whether it ended in time.
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
    elif task.cancelled():  # aiokafka's stop raises the cancellation of its own fetch
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

    Once is not enough: a client that times out at that very moment takes the cancellation for its timeout, and a task
    cancelled in a statement waits for the server to confirm that before it releases its connection.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)


async def unless_stopped(stop: asyncio.Event, beginning: Coroutine[object, object, Opened]) -> Opened | None:
    """Wait for the startup, or for the stop if that comes first: then the startup is cancelled, and None returned.

    Raises:
        Exception: what the startup raises.
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
            begun.exception()  # errors after the stop no longer matter


def exit_at_latest(after_s: float) -> None:
    """Exit the process by this deadline, whatever holds it up, even the event loop itself."""
    timer = Timer(after_s, _exit)
    timer.daemon = True
    timer.start()


def _exit() -> None:
    log.error("stop.cut_off", advice="results that were paid for are in the spool, or named above")
    os._exit(EXIT_CUT_OFF)
