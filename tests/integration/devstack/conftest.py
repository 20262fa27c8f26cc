"""Stacks of the tests' own, driven through the command line as a person would."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from dotenv import dotenv_values

from devstack.choice import WISH_VARIABLE
from devstack.env_file import folder_of
from devstack.ownership import leftovers
from devstack.stack import stop_stack
from devstack.status import StackStatus

PASSED_ON = ("PATH", "HOME", "LANG", "XDG_CACHE_HOME")


class StackCommands:
    """`instagram-feed stack …` on one env file. Tansu is the broker: it starts at once, the rest is the same."""

    def __init__(self, env_file: Path) -> None:
        self.env_file = env_file
        self.folder = folder_of(env_file)
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.environ = {**passed_on, WISH_VARIABLE: "tansu"}

    def command(self, action: str, *options: str) -> list[str]:
        """The command line for a process."""
        return [sys.executable, "-m", "consumer", "stack", action, "--env-file", str(self.env_file), *options]

    def run(self, action: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        command, cwd = self.command(action, *options), self.env_file.parent
        return subprocess.run(command, env=self.environ, cwd=cwd, capture_output=True, text=True, check=False)

    def up(self) -> dict[str, str]:
        """Start the stack and give the environment that was written."""
        done = self.run("up")
        assert done.returncode == 0, done.stderr
        return {name: value or "" for name, value in dotenv_values(self.env_file).items()}

    def status(self) -> StackStatus:
        """What `status --json` tells."""
        return StackStatus.model_validate(json.loads(self.run("status", "--json").stdout))

    def processes(self) -> list[int]:
        """The pids of all that belongs to the stack."""
        return [process.pid for process in leftovers(self.folder)]


@pytest.fixture
async def own_stack(tmp_path: Path) -> AsyncIterator[StackCommands]:
    """A stack that does not run yet."""
    commands = StackCommands(tmp_path / ".env.stack")
    yield commands
    await stop_stack(commands.folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackCommands]:
    """A running stack for tests that leave it as it is."""
    commands = StackCommands(tmp_path_factory.mktemp("running") / ".env.stack")
    commands.up()
    yield commands
    await stop_stack(commands.folder)
