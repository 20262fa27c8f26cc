"""Closing what was opened, each thing within a deadline."""

from collections.abc import Awaitable, Callable

from consumer.shutdown import within_deadline

CLOSE_TIMEOUT_S = 5.0


async def closed_in_time(name: str, close: Callable[[], Awaitable[object]]) -> None:
    """Close a resource; one that takes too long is logged and abandoned."""
    await within_deadline(close(), deadline_s=CLOSE_TIMEOUT_S, or_else="close.failed", resource=name)
