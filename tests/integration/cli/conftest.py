"""The command line as a process: what goes in, what comes out."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

END_DEADLINE_S = 60.0
NO_CHANGE: Mapping[str, str] = MappingProxyType({})


class Finished(NamedTuple):
    """How a command ended."""

    exit_code: int
    output: str
    errors: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - any JSON
        """The one JSON document on standard output."""
        return json.loads(self.output)


class Commands:
    """Runs `instagram-feed …` in one environment, in a folder without `.env`."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self.env = dict(env)
        self._folder = folder

    async def run(self, *arguments: str, env: Mapping[str, str] = NO_CHANGE, stdin: bytes | None = None) -> Finished:
        """Run one command to its end; `env` replaces variables."""
        return await finished(await self.start(*arguments, env=env), stdin)

    async def start(self, *arguments: str, env: Mapping[str, str] = NO_CHANGE) -> Process:
        """Start one command."""
        command = (sys.executable, "-m", "consumer", *arguments)
        return await asyncio.create_subprocess_exec(
            *command, env={**self.env, **env}, cwd=self._folder, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )


async def finished(process: Process, stdin: bytes | None = None) -> Finished:
    """Wait for a command's end."""
    async with asyncio.timeout(END_DEADLINE_S):
        output, errors = await process.communicate(stdin)
    return Finished(process.returncode or 0, output.decode(), errors.decode())


@pytest.fixture
def commands(feed_env: Mapping[str, str], tmp_path: Path) -> Commands:
    """Commands in the environment of the test's own database, topics and LLM world."""
    return Commands(feed_env, tmp_path)
