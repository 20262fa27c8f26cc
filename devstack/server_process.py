"""A server as a child process: started, waited for, stopped and killed."""

import asyncio
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import psutil

from devstack.errors import StackError
from devstack.ownership import end_all, marked_environment
from devstack.polling import ticks

LAST_LINES = 15
REAP_S = 5.0

Problem = Callable[[], Awaitable[str | None]]
"""A probe of a server: None when it answers, else what is wrong in a few words."""


class ServerProcess:
    """A child process with the mark of its stack, its output appended to `log_path`.

    Start it from a thread that lives as long as the server should, since the kernel counts the end of that
    thread as the end of the parent (see `ownership.dying_with_parent`).
    """

    def __init__(self, name: str, folder: Path, log_path: Path) -> None:
        self._name = name
        self._folder = folder
        self._log_path = log_path
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The pid while the process runs, else None."""
        if self._popen is None or self._popen.poll() is not None:
            return None
        return self._popen.pid

    def start(self, command: Sequence[str], *, extra_env: Mapping[str, str] | None = None) -> None:
        """Run `command`.

        Raises:
            StackError: the program is missing or may not be run.
        """
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        environment = marked_environment(self._folder, extra_env)
        with self._log_path.open("ab") as log:
            try:
                self._popen = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
                )
            except OSError as error:
                raise StackError(f"{self._name}: cannot run {command[0]}: {error}") from error

    async def until_ready(self, problem: Problem, *, deadline_s: float) -> None:
        """Wait until the probe finds no problem.

        Raises:
            StackError: the process ended or the deadline passed; carries the problem and the log's end.
        """
        found: str | None = None
        async for _ in ticks(deadline_s):
            if (found := await problem()) is None:
                return
            if self.pid is None:
                raise StackError(f"{self._name} ended while starting.\n{last_lines(self._log_path)}")
        raise StackError(f"{self._name} is not ready after {deadline_s:.0f} s: {found}\n{last_lines(self._log_path)}")

    async def stop(self, by: signal.Signals, *, grace_s: float) -> None:
        """Ask the process to end; kill it and its children when it has not within the grace period."""
        if self._popen is None or self._popen.poll() is not None:
            return
        self._popen.send_signal(by)
        async for _ in ticks(grace_s):
            if self._popen.poll() is not None:
                return
        self.kill()

    def kill(self) -> None:
        """Send SIGKILL to the process and its children, as a crash of the machine would end them."""
        if self._popen is None or self._popen.poll() is not None:
            return
        root = psutil.Process(self._popen.pid)
        end_all([root, *root.children(recursive=True)], by=signal.SIGKILL)
        self._popen.wait(REAP_S)


async def run_to_end(command: Sequence[str], *, failing: str) -> None:
    """Run a short program to its end; a cancelled caller takes the program with it.

    Raises:
        StackError: a non-zero exit code; `failing` says what did not work, the program's output follows.
    """
    program = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        output, _ = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
    if program.returncode != 0:
        raise StackError(f"{failing}:\n{output.decode(errors='replace')}")


def last_lines(log_path: Path) -> str:
    """Return the end of a log file, indented, headed by its path."""
    text = log_path.read_text(errors="replace") if log_path.exists() else ""
    shown = "\n".join(f"  {line}" for line in text.splitlines()[-LAST_LINES:])
    return f"Last lines of {log_path}:\n{shown or '  (empty)'}"
