"""How commands of this package behave while they work: progress on standard error, an orderly end on SIGTERM."""

import asyncio
import logging
import signal
from datetime import UTC, datetime

import typer


def say(line: str) -> None:
    """Tell a person who waits."""
    typer.echo(f"{datetime.now(UTC):%H:%M:%S} {line}", err=True)


def end_on_sigterm() -> None:
    """Have SIGTERM cancel the running task, as Ctrl-C does, so that servers and programs are ended."""
    # aiokafka reports as an error each new partition whose leader it has to ask for once more
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    if task := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
