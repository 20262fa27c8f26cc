"""The spool: paid results that could not be stored before shutdown, in a file for the next start on the same volume.

Processes may share the file, which is locked during access. Results of another database or group are in another file.
What does not fit, or cannot be written, is lost, and the caller learns of it.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import structlog
from pydantic import ConfigDict, TypeAdapter, ValidationError

from repository.database_url import database_of
from repository.feeds import Failure, Feed
from repository.llm_calls import LlmCall
from repository.requests import Postponement

log = structlog.get_logger()

MOST_BYTES = 67_108_864


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledResult:
    """What a statement would have written: exactly one of the three. `call` is kept if the post comes second."""

    feed: Feed | None = None
    call: LlmCall | None = None
    failure: Failure | None = None
    postponement: Postponement | None = None


_AS_JSON = TypeAdapter(list[SpooledResult], config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64"))


def takes_files(directory: Path) -> bool:
    """Return whether files can be written there: not with a container's read-only root, whatever its rights say."""
    try:
        with TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


class ResultSpool:
    """One file in a directory, named after the database and the group whose results it holds."""

    def __init__(self, directory: Path, *, database_url: str, group_id: str, most_bytes: int = MOST_BYTES) -> None:
        # without the login: the results belong to the database
        identity = hashlib.sha256(f"{database_of(database_url)}\n{group_id}".encode()).hexdigest()[:12]
        self.path = directory / f"instagram-feed-{identity}.spool"
        self._most_bytes = most_bytes

    def add(self, results: Sequence[SpooledResult]) -> list[SpooledResult]:
        """Append results durably. Returns those there was no room for.

        Raises:
            OSError: the file cannot be written.
        """
        too_many: list[SpooledResult] = []
        with self._opened() as file:
            size = os.fstat(file).st_size
            for result in results:
                line = _AS_JSON.dump_json([result]) + b"\n"
                if size + len(line) > self._most_bytes:
                    too_many.append(result)
                    continue
                _write(file, line)
                size += len(line)
            os.fsync(file)
        self._sync_directory()
        return too_many

    @contextmanager
    def taken(self) -> Iterator["list[SpooledResult]"]:
        """Yield the results. Those still in the list at the end of the block are kept; an empty file is deleted.

        Raises:
            OSError: the file is there and cannot be read.
        """
        if not self.path.exists():
            yield []
            return
        with self._opened() as file:
            results = _read(file)
            yield results
            os.ftruncate(file, 0)
            for result in results:
                _write(file, _AS_JSON.dump_json([result]) + b"\n")
            os.fsync(file)
            if not results:
                self.path.unlink(missing_ok=True)
        self._sync_directory()

    @contextmanager
    def _opened(self) -> Iterator[int]:
        while True:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file).st_nlink:  # otherwise the holder of the lock has emptied and deleted it
                    yield file
                    return
            finally:
                os.close(file)

    def _sync_directory(self) -> None:
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _write(file: int, line: bytes) -> None:
    while line:
        line = line[os.write(file, line) :]


def _read(file: int) -> list[SpooledResult]:
    content = os.pread(file, os.fstat(file).st_size, 0)
    results: list[SpooledResult] = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            results += _AS_JSON.validate_json(line)
        except ValidationError as error:
            # its process was killed while writing; only the message, since the line contains texts
            log.error("spool.unreadable", line=number, problems=error.error_count())  # noqa: TRY400 - the line says it all
    return results
