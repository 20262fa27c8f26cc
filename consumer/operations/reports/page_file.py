"""Where a page is written: whole or not at all, and over nothing but an older page."""

import os
import tempfile
from pathlib import Path

from consumer.operations.reports.page import GENERATOR

_BEGINNING = 500


def is_in_the_way(path: Path) -> bool:
    """Return whether a file is there that is no report of ours."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        return GENERATOR.encode() not in file.read(_BEGINNING)


def write_page(path: Path, text: str) -> None:
    """Put the page in place in one step, so that nobody ever reads half of it."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(text)
    try:
        _readable_as_usual(file.name)
        Path(file.name).replace(path)
    except OSError:
        Path(file.name).unlink(missing_ok=True)
        raise


def _readable_as_usual(name: str) -> None:
    """Give a temporary file, which only its owner may read, the permissions of any new file."""
    mask = os.umask(0)
    os.umask(mask)
    Path(name).chmod(0o666 & ~mask)
