"""Ctrl-C and SIGTERM in long-running commands, which stop and report how far they got."""

import asyncio
import signal


def cancel_on_signals() -> None:
    """Let SIGINT and SIGTERM cancel the current task."""
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
