"""A program under test: a process of its own, of which only the operating system is asked."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.os_figures import cpu_s, peak_rss_mb

STOP_GRACE_S = 30.0
LAST_LINES = 15


class ProgramEnded(Exception):
    """The program under test ended by itself; the message has the end of its output."""


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is started; `in_flight` is how many LLM calls it is allowed at once, None as in the run."""

    name: str
    module: tuple[str, ...]
    in_flight: int | None = None

    @property
    def command(self) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", *self.module]


OURS = Program("ours", ("consumer", "run"))
PROGRAMS = {
    program.name: program
    for program in (
        OURS,
        Program("faststream", ("bench.programs.faststream_service",)),
        Program("bare", ("bench.programs.bare",), in_flight=1),
        Program("floor", ("bench.programs.floor",)),
    )
}


class RunningProgram:
    """The process while it runs, its output in a file."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def cpu_s(self) -> float:
        """Return the CPU time so far, children included."""
        return cpu_s(self.pid)

    def peak_rss_mb(self) -> float:
        """Return the most memory it had resident so far."""
        return peak_rss_mb(self.pid)

    def require_running(self) -> None:
        """Make sure that it has not ended.

        Raises:
            ProgramEnded: it has.
        """
        if self._process.returncode is not None:
            last = "\n".join(self._output.read_text(errors="replace").splitlines()[-LAST_LINES:])
            raise ProgramEnded(f"{self._output.stem} ended with exit code {self._process.returncode}:\n{last}")

    def kill(self) -> None:
        """Send SIGKILL, as the kernel does when memory is short."""
        self._process.kill()

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL when it does not end within the grace period."""
        if self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_GRACE_S):
                await self._process.wait()
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()


@asynccontextmanager
async def running(program: Program, environment: Mapping[str, str], output: Path) -> AsyncIterator[RunningProgram]:
    """Run a program for the time of a block."""
    with output.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *program.command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
    started = RunningProgram(process, output)
    try:
        yield started
    finally:
        await started.stop()
