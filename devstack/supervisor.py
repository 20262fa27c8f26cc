"""The process in the background that owns the servers of one stack: `python -m devstack.supervisor FOLDER`.

SIGTERM ends it and its servers in good order, SIGHUP has it start again what does not answer. When it is
killed its servers die with it (see `processes.dying_with_parent`), and when its owner dies it ends.
"""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from devstack import stack_folder
from devstack.docker_engine import remove_containers
from devstack.endpoints import ServerName
from devstack.errors import StackError
from devstack.plan import Plan
from devstack.servers import Server, build_servers, endpoints_of
from devstack.state import STATE_FILE, StackState

OWNER_POLL_S = 0.25


class Supervisor:
    """Keeps the servers of a plan and says in the state file how they are."""

    def __init__(self, folder: Path, plan: Plan, servers: dict[ServerName, Server]) -> None:
        self._folder = folder
        self._plan = plan
        self._servers = servers
        self._restore_wanted = asyncio.Event()
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Start the servers, restore them when asked to, stop them at the end.

        Raises:
            StackError: a server could not be started; the others are stopped then.
        """
        self._listen_to_signals()
        serving = asyncio.create_task(self._serve())
        ending = asyncio.create_task(self._wait_for_end())
        try:
            await asyncio.wait([serving, ending], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            serving.cancel()
            await asyncio.wait([serving, ending])
            await asyncio.gather(*(server.stop() for server in self._servers.values()))
        if not serving.cancelled():
            serving.result()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._ending.set)
        loop.add_signal_handler(signal.SIGINT, self._ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._restore_wanted.set)

    async def _serve(self) -> None:
        while True:
            self._restore_wanted.clear()
            self._publish(StackState(phase="starting"))
            await self._restore_all()
            self._publish(self._state_when_up())
            await self._restore_wanted.wait()

    async def _restore_all(self) -> None:
        outcomes = await asyncio.gather(*map(_restore, self._servers.values()), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _wait_for_end(self) -> None:
        owner = self._plan.owner
        while not self._ending.is_set() and (owner is None or owner.is_alive()):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), OWNER_POLL_S)

    def _state_when_up(self) -> StackState:
        pids = {name: server.pid for name, server in self._servers.items()}
        return StackState(phase="up", endpoints=endpoints_of(self._plan, self._servers), pids=pids)

    def _publish(self, state: StackState) -> None:
        state.save(self._folder)


async def _restore(server: Server) -> None:
    if await server.problem() is not None:
        # One that hangs is as good as one that is gone.
        server.kill()
        await server.start()


def main(folder: Path) -> int:
    """Run the stack in `folder` by the plan there, until it is told to end."""
    plan = Plan.load(folder)
    if plan is None:
        raise StackError(f"There is no plan in {folder}; a supervisor is started by `stack up` or `start_stack`.")
    try:
        asyncio.run(Supervisor(folder, plan, build_servers(plan, folder)).run())
    except StackError as error:
        StackState(phase="failed", error=str(error)).save(folder)
        return 1
    else:
        _leave_nothing(folder, plan)
        return 0
    finally:
        if "container" in plan.kinds.values():
            remove_containers(folder)


def _leave_nothing(folder: Path, plan: Plan) -> None:
    (folder / STATE_FILE).unlink(missing_ok=True)
    if plan.owner is not None:
        stack_folder.remove(folder)


if __name__ == "__main__":
    # A session of its own: a Ctrl-C in the terminal of the starter is not meant for the servers.
    os.setsid()
    os.umask(0o077)
    sys.exit(main(Path(sys.argv[1])))
