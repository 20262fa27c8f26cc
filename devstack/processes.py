"""Server processes that belong to the process which started them, and a way to find those left over.

A child carries the stack's folder in its environment (`MARKER`). That mark, not a stored pid, is what
`leftovers` goes by: pids are reused, and a state file can be lost.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic

import psutil

from devstack.errors import StackError

MARKER = "INSTAGRAM_FEED_SERVER_OF_STACK"
POLL_S = 0.05
REAP_S = 5.0

Problem = Callable[[], Awaitable[str | None]]
"""A probe of a server: None when it answers, else what is wrong in a few words."""


def dying_with_parent(by: signal.Signals) -> list[str]:
    """A command prefix that has the kernel send `by` when the starting process dies.

    Linux only (PR_SET_PDEATHSIG, through setpriv of util-linux, which keeps the pid by exec). Elsewhere
    it is empty, and what a killed parent leaves behind is found by `leftovers`.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", by.name.removeprefix("SIG"), "--"] if setpriv else []


def marked_environment(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with the mark of the stack in `folder`."""
    return {**os.environ, **(extra or {}), MARKER: str(folder.resolve())}


class ServerProcess:
    """One server as a child process: started with a mark, waited for, stopped or killed with its children.

    Its output is appended to `log_path`. Start it from a thread that lives as long as the server should, since the
    kernel counts the end of that thread as the end of the parent.
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
        """Run `command` with its output appended to the log file.

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
            StackError: the process ended or the deadline passed; names the problem and the log's last lines.
        """
        give_up_at = monotonic() + deadline_s
        while (found := await problem()) is not None:
            if self.pid is None:
                raise StackError(f"{self._name} ended while starting.\n{self._last_lines()}")
            if monotonic() > give_up_at:
                raise StackError(f"{self._name} not ready after {deadline_s:.0f} s: {found}\n{self._last_lines()}")
            await asyncio.sleep(POLL_S)

    async def stop(self, by: signal.Signals, *, grace_s: float) -> None:
        """Ask the process to end; kill it and its children when it has not within the grace period."""
        if self._popen is None:
            return
        if self._popen.poll() is None:
            self._popen.send_signal(by)
        give_up_at = monotonic() + grace_s
        while self._popen.poll() is None and monotonic() < give_up_at:
            await asyncio.sleep(POLL_S)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the process and its children, as a crash of the machine would end them."""
        if self._popen is None or self._popen.poll() is not None:
            return
        root = psutil.Process(self._popen.pid)
        end_all([root, *root.children(recursive=True)], by=signal.SIGKILL)
        self._popen.wait(REAP_S)

    def _last_lines(self) -> str:
        return f"Last lines of {self._log_path}:\n{last_lines(self._log_path)}"


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


def last_lines(path: Path, count: int = 15) -> str:
    """The last lines of a text file, indented; says so if there are none."""
    text = path.read_text(errors="replace") if path.exists() else ""
    return "\n".join(f"  {line}" for line in text.splitlines()[-count:]) or "  (empty)"


def leftovers(folder: Path) -> list[psutil.Process]:
    """Every process, this one excepted, that carries the mark of `folder` or of a folder below it."""
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
    """Whether a process is gone, or dead and only waits for its parent to collect the exit code."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def until_ended(processes: Sequence[psutil.Process], *, deadline_s: float) -> None:
    """Wait until all have ended, or the deadline has passed."""
    give_up_at = monotonic() + deadline_s
    while not all(map(has_ended, processes)) and monotonic() < give_up_at:
        await asyncio.sleep(POLL_S)
