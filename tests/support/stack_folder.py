"""Where the tests' stack has its data: in memory, if there is room, under the pid of the session that owns it."""

import os
import shutil
from pathlib import Path

import psutil

from devstack.stack import stop_stack

MEMORY = Path("/dev/shm")  # noqa: S108 - of the mode 1777, and the folders in it are ours alone
MEMORY_BYTES = 4 * 2**30
PREFIX = "instagram-feed-tests-"


def folder_in_memory(owner: int) -> Path | None:
    """A folder for the servers' data where making a database takes 30 ms and not 170, if there is room for it."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    return MEMORY / f"{PREFIX}{owner}" if roomy else None


async def clear_abandoned(memory: Path = MEMORY) -> None:
    """Remove what sessions have left that are gone, and whose supervisor was killed and could not."""
    for folder in _abandoned(memory):
        await stop_stack(folder)


def _abandoned(memory: Path) -> list[Path]:
    """Folders of processes that are gone; not another user's, nor one that another worker has just removed."""
    owners = {folder: folder.name.removeprefix(PREFIX) for folder in memory.glob(f"{PREFIX}*")}
    gone = (folder for folder, pid in owners.items() if pid.isdecimal() and not psutil.pid_exists(int(pid)))
    return [folder for folder in gone if os.access(folder, os.W_OK)]
