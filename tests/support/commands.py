"""The program's commands as processes of their own, which begin with all their imports done.

Importing takes up to three seconds of CPU, more than most of what is tested: a server imports once and forks each
command. Environment, folder, streams and signals are the command's own, and what runs is `consumer/__main__.py`.
As users start it, interpreter and all, it runs in the tests of getting started, the wheel, the demo and chaos.
"""

import asyncio
import gc
import multiprocessing
import os
import pkgutil
import runpy
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Protocol

import consumer
import repository

_MEASURES_COVERAGE = "COVERAGE_PROCESS_CONFIG"


def _modules_of(package: ModuleType) -> list[str]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [module.name for module in found if not module.name.endswith("__main__")]


_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload([*_modules_of(consumer), *_modules_of(repository), "uvloop", __name__])


class Command(Protocol):
    """What of `asyncio.subprocess.Process` a command under test has."""

    @property
    def stdin(self) -> asyncio.StreamWriter | None:
        """Where its input goes."""

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """What it says."""

    @property
    def pid(self) -> int:
        """The process."""

    @property
    def returncode(self) -> int | None:
        """Its exit code, minus the signal for one that was killed; None while it runs."""

    async def wait(self) -> int:
        """Wait for its end; gives the exit code."""

    def send_signal(self, signal: int) -> None:
        """Send a signal, if it still runs."""

    def kill(self) -> None:
        """Send SIGKILL."""

    async def communicate(self, input: bytes | None = None) -> tuple[bytes, bytes]:  # noqa: A002 - its name there
        """Give it all its input and read all that it says until it has ended."""


async def start(
    *arguments: str, env: Mapping[str, str], folder: Path | None = None, errors_apart: bool = False
) -> Command:
    """Start `instagram-feed …` with this whole environment; its errors are read with its output or apart."""
    if _MEASURES_COVERAGE in os.environ or any(name.startswith("PYTHON") for name in env):
        return await _started_anew(arguments, env, folder, errors_apart=errors_apart)
    stdin, give = _forking.Pipe(duplex=False)
    output, stdout = _forking.Pipe(duplex=False)
    errors, stderr = _forking.Pipe(duplex=False) if errors_apart else (None, stdout)
    process = _forking.Process(
        target=_run, args=(arguments, dict(env), str(folder or Path.cwd()), stdin, stdout, stderr), daemon=True
    )
    await asyncio.to_thread(process.start)
    for end in {stdin, stdout, stderr}:
        end.close()
    return _ForkedCommand(
        process, await _writer(give), await _reader(output), await _reader(errors) if errors else None
    )


async def _started_anew(
    arguments: tuple[str, ...], env: Mapping[str, str], folder: Path | None, *, errors_apart: bool
) -> Process:
    command = (sys.executable, "-m", "consumer", *arguments)
    stderr = PIPE if errors_apart else STDOUT
    return await asyncio.create_subprocess_exec(*command, env=env, cwd=folder, stdin=PIPE, stdout=PIPE, stderr=stderr)


class _ForkedCommand:
    """A process that the server forked; its end is the end of the file that multiprocessing calls the sentinel."""

    def __init__(
        self,
        process: multiprocessing.process.BaseProcess,
        stdin: asyncio.StreamWriter,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader | None,
    ) -> None:
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self._process = process
        self._ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def note_end() -> None:
            loop.remove_reader(process.sentinel)
            process.join()
            self._ended.set()

        loop.add_reader(process.sentinel, note_end)

    @property
    def stdin(self) -> asyncio.StreamWriter:
        return self._stdin

    @property
    def stdout(self) -> asyncio.StreamReader:
        return self._stdout

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, signal: int) -> None:
        if not self._ended.is_set():
            os.kill(self.pid, signal)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def communicate(self, input: bytes | None = None) -> tuple[bytes, bytes]:  # noqa: A002 - asyncio's name
        if input:
            self._stdin.write(input)
        self._stdin.close()
        errors = self._stderr.read() if self._stderr else asyncio.sleep(0, b"")
        told, complained, _ = await asyncio.gather(self._stdout.read(), errors, self.wait())
        return told, complained


async def _reader(end: Connection) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    pipe = os.fdopen(os.dup(end.fileno()), "rb", 0)
    end.close()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


async def _writer(end: Connection) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(os.dup(end.fileno()), "wb", 0)
    end.close()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
    return asyncio.StreamWriter(transport, protocol, None, loop)


def _run(
    arguments: tuple[str, ...],
    env: dict[str, str],
    folder: str,
    stdin: Connection,
    stdout: Connection,
    stderr: Connection,
) -> None:
    """Become `python -m consumer …`: in the forked process."""
    gc.freeze()  # what is shared with the server stays so: no collection writes to it
    for number, end in enumerate((stdin, stdout, stderr)):
        os.dup2(end.fileno(), number)
    for end in (stdin, stdout, stderr):
        end.close()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.stdin = os.fdopen(0)
    sys.argv = ["consumer", *arguments]
    runpy.run_module("consumer", run_name="__main__", alter_sys=True)
