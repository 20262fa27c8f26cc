"""The simulated LLM as a child process."""

import signal
import sys
from pathlib import Path

from devstack.answers import llm_problem
from devstack.endpoints import SIMULATED_API_KEY, Kind, ServerName
from devstack.ownership import dying_with_parent
from devstack.ports import LOOPBACK, require_free
from devstack.server_process import ServerProcess

START_DEADLINE_S = 60.0
STOP_GRACE_S = 5.0


class SimulatedLlmServer:
    """`python -m devstack.simulated_llm`, stopped, killed and started again on the same port.

    `options` are further command line options of that program. The ledger lives in its memory.
    """

    name: ServerName = "llm"
    kind: Kind = "simulated"

    def __init__(self, folder: Path, port: int, *, options: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.port = port
        self._options = options
        self._process = ServerProcess("Simulated LLM", folder, folder / "llm.log")

    @property
    def address(self) -> str:
        """The base URL for an OpenAI client."""
        return f"{self.root_url}/v1"

    @property
    def root_url(self) -> str:
        """Where the control interface and the accounts (`/w/<name>/v1`) hang."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The server's pid while it runs."""
        return self._process.pid

    async def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            StackError: it did not come up; says why.
        """
        require_free(self.port, "Simulated LLM")
        command = [sys.executable, "-m", "devstack.simulated_llm", "--host", LOOPBACK, "--port", str(self.port)]
        self._process.start([*dying_with_parent(signal.SIGKILL), *command, *self._options])
        await self._process.until_ready(self.problem, deadline_s=START_DEADLINE_S)

    async def stop(self) -> None:
        """Ask it to end."""
        await self._process.stop(signal.SIGTERM, grace_s=STOP_GRACE_S)

    def kill(self) -> None:
        """Send SIGKILL: the ledger is lost."""
        self._process.kill()

    async def problem(self) -> str | None:
        """Return what keeps the server from answering, None if it does."""
        return "not running" if self.pid is None else await llm_problem(self.address, SIMULATED_API_KEY)
