"""A folder per user for what is downloaded once, and a lock on it across processes."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/instagram-feed-consumer`, by default under `~/.cache`."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "instagram-feed-consumer"


@contextmanager
def locked(path: Path, *, while_waiting: str = "") -> Iterator[None]:
    """Hold an exclusive lock on a file; the kernel frees it when its holder dies.

    `while_waiting` is said on standard error when another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(while_waiting, file=sys.stderr)  # noqa: T201
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
