"""The folder of a stack: marked as ours when it is made, and removed only if it is."""

import shutil
from pathlib import Path

from devstack.errors import StackError

MARK_FILE = "local-stack.txt"
MARK_TEXT = "The data of a local stack; `instagram-feed stack down` removes this folder.\n"


def claim(folder: Path) -> None:
    """Make the folder, or take an empty one or an earlier stack's.

    Raises:
        StackError: it holds something else.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _may_be_removed(folder):
        raise StackError(f"{folder} holds something that is no local stack's. Name another env file.")
    (folder / MARK_FILE).write_text(MARK_TEXT)


def remove(folder: Path) -> None:
    """Remove the folder with all data, unless it holds something that is no stack's."""
    if folder.is_dir() and _may_be_removed(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _may_be_removed(folder: Path) -> bool:
    return (folder / MARK_FILE).exists() or not any(folder.iterdir())
