"""`instagram-feed …` as child processes, as a person would type them."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from consumer.settings import Settings
from devstack.demo.errors import DemoFailed
from devstack.endpoints import Endpoints

STOP_DEADLINE_S = 40.0
LAST_LINES = 5


def clean_environment(endpoints: Endpoints, extra: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without any setting of the application, then the stack's and `extra`."""
    settings = {name.upper() for name in Settings.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name not in settings}
    return inherited | endpoints.environment() | dict(extra)


async def run_command(*arguments: str, env: Mapping[str, str], folder: Path) -> Any:  # noqa: ANN401 - any JSON
    """Run one command to its end; gives what it prints with --json, else its text.

    Raises:
        DemoFailed: another exit code than 0; carries what it said.
    """
    process = await _started(*arguments, env=env, folder=folder, errors_to=PIPE)
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise DemoFailed(f"`instagram-feed {' '.join(arguments)}` failed: {errors.decode().strip()}")
    return json.loads(output) if "--json" in arguments else output.decode().strip()


class Consumer:
    """`instagram-feed run` while it runs, with the log lines it has written so far."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.log: list[dict[str, Any]] = []
        self._other_lines: list[str] = []
        self._reading = asyncio.create_task(self._read())

    def latest(self, event: str) -> dict[str, Any] | None:
        """The last log line of that name."""
        return next((line for line in reversed(self.log) if line.get("event") == event), None)

    def require_running(self) -> None:
        """Go on only if it runs.

        Raises:
            DemoFailed: it ended; carries its last words.
        """
        if self._process.returncode is not None:
            said = "\n".join(self._other_lines[-LAST_LINES:])
            raise DemoFailed(f"`instagram-feed run` ended with exit code {self._process.returncode}: {said}")

    async def stop(self) -> int:
        """Stop it as an orchestrator does. Gives the exit code."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                return await self._process.wait()
        finally:
            if self._process.returncode is None:
                self._process.kill()
            await self._reading

    async def _read(self) -> None:
        if self._process.stdout is None:
            return
        async for line in self._process.stdout:
            if line.startswith(b"{"):
                self.log.append(json.loads(line))
            else:
                self._other_lines.append(line.decode().rstrip())


@asynccontextmanager
async def consumer(env: Mapping[str, str], folder: Path) -> AsyncIterator[Consumer]:
    """The consumer while the block runs; it is stopped at the end if the block has not done so."""
    running = Consumer(await _started("run", env=env, folder=folder, errors_to=STDOUT))
    try:
        yield running
    finally:
        await running.stop()


async def _started(*arguments: str, env: Mapping[str, str], folder: Path, errors_to: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "consumer", *arguments, env=dict(env), cwd=folder, stdout=PIPE, stderr=errors_to
    )
