"""The consumer as the process that users run."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.support.commands import Command, start
from tests.support.waiting import eventually

START_DEADLINE_S = 30.0
END_DEADLINE_S = 40.0


class ConsumerProcess:
    """`instagram-feed run` in its own process, with the log lines it has written so far."""

    def __init__(self, process: Command) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reading = asyncio.create_task(self._read())

    @property
    def log(self) -> list[dict[str, Any]]:
        """The JSON lines of its log."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of one event name."""
        return [line for line in self.log if line["event"] == name]

    async def ready_status(self) -> int:
        """The HTTP status of /readyz."""
        port = self.events("ops.listening")[0]["port"]
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as response:
            return response.status

    async def metrics(self) -> str:
        """What /metrics says."""
        port = self.events("ops.listening")[0]["port"]
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
            return await response.text()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def exit_code(self) -> int:
        """Wait for its end."""
        async with asyncio.timeout(END_DEADLINE_S):
            code = await self.process.wait()
            await self._reading
            return code

    async def stop(self) -> int:
        """Stop it as an orchestrator does; gives the exit code."""
        self.signal(signal.SIGTERM)
        return await self.exit_code()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode())


async def start_command(*arguments: str, env: Mapping[str, str]) -> ConsumerProcess:
    """Start `instagram-feed` with these arguments; output and errors are read together."""
    return ConsumerProcess(await start(*arguments, env=env))


@asynccontextmanager
async def running_consumer(env: Mapping[str, str]) -> AsyncIterator[ConsumerProcess]:
    """A consumer that has started; killed at the end if the test has not stopped it."""
    consumer = await start_command("run", env=env)
    try:

        def started() -> bool:
            assert consumer.process.returncode is None, "".join(consumer.lines)
            return bool(consumer.events("consumer.started"))

        await eventually(started, START_DEADLINE_S)
        yield consumer
    finally:
        if consumer.process.returncode is None:
            consumer.process.kill()
            await consumer.exit_code()
