"""A server that the environment names: used as it is, never started or stopped."""

import asyncio
from time import monotonic

from devstack.endpoints import Kind, ServerName
from devstack.errors import StackError
from devstack.processes import POLL_S, Problem

ANSWER_DEADLINE_S = 10.0


class GivenServer:
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
        give_up_at = monotonic() + ANSWER_DEADLINE_S
        while (found := await self.problem()) is not None:
            if monotonic() > give_up_at:
                raise StackError(
                    f"The server named by {self._variable} does not answer: {found}. Start it, or unset {self._variable}."
                )
            await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """Nothing: it is not ours."""

    def kill(self) -> None:
        """Nothing: it is not ours."""
