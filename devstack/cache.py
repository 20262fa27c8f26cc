"""A folder per user for what is downloaded once, and a lock on it across processes."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/instagram-feed-consumer`, by default under `~/.cache`."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "instagram-feed-consumer"


@contextmanager
def locked(path: Path, *, while_waiting: str) -> Iterator[None]:
    """Hold an exclusive lock on a file; the kernel frees it when its holder dies, and the file goes with it.

    `while_waiting` is said on standard error when another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked_file(path, while_waiting):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _locked_file(path: Path, while_waiting: str) -> TextIO:
    while True:
        file = path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(while_waiting, file=sys.stderr)  # noqa: T201
            fcntl.flock(file, fcntl.LOCK_EX)
        if _is_at(path, file):
            return file
        # The holder before has removed it meanwhile: who opens the path now would get another file.
        file.close()


def _is_at(path: Path, file: TextIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
