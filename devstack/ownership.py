"""Which processes belong to a stack, so that they end with it and none is left over.

Every process of a stack carries the stack's folder in its environment (`MARKER`). That mark, not a stored
pid, is what `leftovers` goes by: pids are reused, and a state file can be lost.
"""

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from devstack.polling import ticks

MARKER = "INSTAGRAM_FEED_SERVER_OF_STACK"


def marked_environment(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with the mark of the stack in `folder`."""
    return {**os.environ, **(extra or {}), MARKER: str(folder.resolve())}


def dying_with_parent(by: signal.Signals) -> list[str]:
    """Return a command prefix that has the kernel send `by` when the starting process dies.

    Linux only (PR_SET_PDEATHSIG, through setpriv of util-linux, which keeps the pid by exec). Elsewhere
    it is empty, and what a killed parent leaves behind is found by `leftovers`.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", by.name.removeprefix("SIG"), "--"] if setpriv else []


def leftovers(folder: Path) -> list[psutil.Process]:
    """Return every process, this one excepted, that carries the mark of `folder` or of a folder below it."""
    others = (process for process in psutil.process_iter() if process.pid != os.getpid())
    return [process for process in others if _mark_of(process).is_relative_to(folder.resolve())]


def _mark_of(process: psutil.Process) -> Path:
    try:
        return Path(process.environ().get(MARKER, ""))
    except (psutil.Error, OSError):
        # Another user's process, or one that ended meanwhile: neither is ours.
        return Path()


def end_all(processes: Sequence[psutil.Process], *, by: signal.Signals) -> None:
    """Send a signal to each process that is still the one meant."""
    for process in processes:
        try:
            # psutil compares the start time first, so a reused pid is never hit.
            process.send_signal(by)
        except psutil.NoSuchProcess:
            continue


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process is gone, or dead and only waits for its parent to collect the exit code."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def until_ended(processes: Sequence[psutil.Process], *, deadline_s: float) -> None:
    """Wait until all have ended, or the deadline has passed."""
    async for _ in ticks(deadline_s):
        if all(map(has_ended, processes)):
            return
