"""Ending one thing after the other: none may hold up the rest, whatever state it is in."""

import asyncio
from collections.abc import Awaitable

import structlog
from aiokafka.errors import KafkaError

from repository.errors import StoreError

log = structlog.get_logger()


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
