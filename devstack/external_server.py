"""A server that the environment names: used as it is, never started or stopped."""

from devstack.endpoints import Kind, ServerName
from devstack.errors import StackError
from devstack.polling import ticks
from devstack.server_process import Problem

ANSWER_DEADLINE_S = 5.0


class ExternalServer:
    """Somebody else's server, asked for an answer and otherwise left alone."""

    kind: Kind = "environment"
    pid: int | None = None

    def __init__(self, name: ServerName, address: str, *, variable: str, problem: Problem) -> None:
        self.name = name
        self.address = address
        self.problem = problem
        self._variable = variable

    async def start(self) -> None:
        """Wait until it answers.

        Raises:
            StackError: it does not; names the environment variable.
        """
        found: str | None = None
        async for _ in ticks(ANSWER_DEADLINE_S):
            if (found := await self.problem()) is None:
                return
        raise StackError(
            f"The server named by {self._variable} does not answer: {found}. Start it, or unset {self._variable}."
        )

    async def stop(self) -> None:
        """Do nothing: it is not ours."""

    def kill(self) -> None:
        """Do nothing: it is not ours."""
