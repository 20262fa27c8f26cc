"""Broker and Postgres as containers of the official images, run by testcontainers."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from devstack.docker_engine import FOLDER_LABEL, docker_failing_as
from devstack.endpoints import Kind, ServerName
from devstack.errors import StackError
from devstack.polling import ticks
from devstack.ports import LOOPBACK, require_free
from devstack.server_process import Problem

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

START_DEADLINE_S = 90.0
STOP_GRACE_S = 15
LOG_LINES = 15


class ContainerSpec(NamedTuple):
    """What to run: `port` is the one the server listens on inside."""

    image: str
    port: int
    environment: Mapping[str, str]
    command: Sequence[str] = ()


class ContainerServer:
    """One container, its port bound to loopback; `problem` asks the server in it from outside.

    Stopped or killed it keeps its data and can be started again; `docker_engine.remove_containers` takes it
    away.
    """

    kind: Kind = "container"

    def __init__(
        self,
        name: ServerName,
        spec: ContainerSpec,
        *,
        folder: Path,
        port: int,
        address: str,
        problem: Problem,
    ) -> None:
        self.name = name
        self.address = address
        self.problem = problem
        self.port = port
        self._spec = spec
        self._folder = folder
        self._container: DockerContainer | None = None

    @property
    def pid(self) -> int | None:
        """The pid of the container's first process on the engine's machine, while it runs."""
        if self._container is None:
            return None
        self._container.reload()
        pid: int = self._container.get_wrapped_container().attrs["State"]["Pid"]
        return pid or None

    async def start(self) -> None:
        """Create the container or start the one there was, and wait until the server answers.

        Raises:
            StackError: the engine refuses, or the server did not come up; says why.
        """
        require_free(self.port, f"The container for {self.name}")
        await asyncio.to_thread(self._run)
        found: str | None = None
        async for _ in ticks(START_DEADLINE_S):
            if (found := await self.problem()) is None:
                return
            if await asyncio.to_thread(lambda: self.pid) is None:
                break
        raise StackError(f"{self._spec.image} does not serve: {found}\n{await asyncio.to_thread(self._log)}")

    async def stop(self) -> None:
        """End it in good order, within a grace period."""
        if self._container is not None:
            await asyncio.to_thread(self._container.get_wrapped_container().stop, timeout=STOP_GRACE_S)

    def kill(self) -> None:
        """Send SIGKILL to all processes in it."""
        if self._container is not None and self.pid is not None:
            self._container.get_wrapped_container().kill()

    def _run(self) -> None:
        with docker_failing_as(StackError, f"Docker does not run {self._spec.image}"):
            if self._container is None:
                self._container = self._make().start()
            else:
                self._container.get_wrapped_container().start()

    def _make(self) -> "DockerContainer":
        from testcontainers.core.config import testcontainers_config  # noqa: PLC0415
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415

        # Its reaper is one more image to pull and wants the engine's socket; here the supervisor removes
        # the containers when it ends, and after a kill of it the next `stack up` or `stack down` does.
        testcontainers_config.ryuk_disabled = True
        container = DockerContainer(self._spec.image, env=dict(self._spec.environment))
        # with_bind_ports would open the port to the network.
        ports: dict[str, Any] = {f"{self._spec.port}/tcp": (LOOPBACK, self.port)}
        container.ports = ports
        if self._spec.command:
            container.with_command(list(self._spec.command))
        return container.with_kwargs(labels={FOLDER_LABEL: str(self._folder)})

    def _log(self) -> str:
        if self._container is None:
            return ""
        text: bytes = self._container.get_wrapped_container().logs(tail=LOG_LINES)
        return text.decode(errors="replace")
