"""Ctrl-C and SIGTERM in commands that take long: they end what is going on and say how far it got."""

import asyncio
import signal


def cancel_on_signals() -> None:
    """Have SIGINT and SIGTERM cancel the current task."""
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
