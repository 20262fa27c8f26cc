"""The consumers of a run, as an orchestrator keeps them: processes that are started again when they end."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from devstack.ownership import dying_with_parent
from tests.support.waiting import eventually

START_DEADLINE_S = 240.0  # a machine may be busy, and a server away
RESTART_PAUSE_S = 0.5
EXIT_DEADLINE_S = 120.0
LAST_LINES = 12


class Consumer:
    """One place for a consumer process; while it is wanted there is one, whatever ended the last."""

    def __init__(self, number: int, env: Mapping[str, str], log_path: Path) -> None:
        self.number = number
        self.unexpected_exits: list[str] = []
        self.group_id = env.get("KAFKA_GROUP_ID", "")
        self._env = dict(env)
        self._log_path = log_path
        self._log_begin = 0
        self._process: asyncio.subprocess.Process | None = None
        self._wanted = asyncio.Event()
        self._begun = asyncio.Event()

    async def run(self) -> None:
        """Keep it running without end."""
        while True:
            await self._wanted.wait()
            self._process = await self._start()
            self._begun.set()
            if not self._wanted.is_set():
                self._process.kill()
            code = await self._process.wait()
            if self._wanted.is_set():
                self._judge_exit(code)
                self._begun.clear()
                await asyncio.sleep(RESTART_PAUSE_S)

    @property
    def owner(self) -> str | None:
        """The name the process holds leases under; None before it has begun to consume."""
        if not self._begun.is_set():
            return None
        started = [line for line in self._log().splitlines() if '"consumer.started"' in line]
        return str(json.loads(started[0])["owner"]) if started else None

    @property
    def pid(self) -> int | None:
        """The process, if one was started."""
        return self._process.pid if self._process else None

    def want(self) -> None:
        """Have a process here from now on."""
        self._wanted.set()

    async def until_started(self) -> None:
        """Wait until it consumes."""
        await eventually(lambda: self.owner, START_DEADLINE_S)

    def send_signal(self, number: signal.Signals) -> None:
        """Send the process a signal, if there is one."""
        if self._process and self._process.returncode is None:
            self._process.send_signal(number)

    async def end(self, by: signal.Signals) -> int | None:
        """End the process and start no other; gives its exit code."""
        self._wanted.clear()
        self.send_signal(by)
        if self._process is None:
            return None
        async with asyncio.timeout(EXIT_DEADLINE_S):
            code = await self._process.wait()
        self._begun.clear()
        return code

    def ends_here(self, code: int | None, owed: int) -> None:
        """Note an exit code that is not the one owed."""
        if code not in {None, owed}:
            self.unexpected_exits.append(f"consumer {self.number} ended with code {code}:\n{self._last_lines()}")

    async def _start(self) -> asyncio.subprocess.Process:
        self._log_begin = self._log_path.stat().st_size if self._log_path.exists() else 0
        with self._log_path.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *dying_with_parent(signal.SIGKILL),
                sys.executable,
                "-m",
                "consumer",
                "run",
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _judge_exit(self, code: int) -> None:
        # a server that is away at the start is an orchestrator's matter; a crash never is
        if self.owner or "Traceback" in self._log():
            self.ends_here(code, owed=-1)

    def _log(self) -> str:
        with self._log_path.open("rb") as log:
            log.seek(self._log_begin)
            return log.read().decode(errors="replace")

    def _last_lines(self) -> str:
        return "\n".join(f"  {line[:300]}" for line in self._log().splitlines()[-LAST_LINES:])


@asynccontextmanager
async def kept_running(consumers: list[Consumer]) -> AsyncIterator[None]:
    """Have these consumers run for the time of a block; at the end they are killed."""
    async with asyncio.TaskGroup() as keepers:
        tasks = [keepers.create_task(consumer.run()) for consumer in consumers]
        try:
            for consumer in consumers:
                consumer.want()
            yield
        finally:
            for consumer in consumers:
                await consumer.end(signal.SIGKILL)
            for task in tasks:
                task.cancel()
