"""Start and stop a local stack: broker, Postgres and simulated LLM, owned by one supervisor process.

A stack is known by its folder. Everything that starts or stops one holds the folder's lock.
"""

import asyncio
import hashlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path

import psutil

from devstack import stack_folder
from devstack.answers import problem_at
from devstack.cache import cache_folder, locked
from devstack.docker_engine import remove_containers
from devstack.endpoints import Endpoints, ServerName
from devstack.errors import StackError
from devstack.ownership import end_all, has_ended, leftovers, marked_environment, until_ended
from devstack.plan import Owner, Plan
from devstack.polling import ticks
from devstack.preparation import prepare
from devstack.report import Report
from devstack.server_process import last_lines
from devstack.state import StackState

START_DEADLINE_S = 120.0
END_DEADLINE_S = 30.0


@asynccontextmanager
async def local_stack(
    folder: Path | None = None, *, environ: Mapping[str, str] = os.environ, report: Report = print
) -> AsyncIterator[Endpoints]:
    """Yield a stack for the time of a block; it ends with the block, or with this process, however that ends.

    Without a folder its data go to a temporary one.

    Raises:
        StackError: a server cannot be provided or started.
    """
    folder = folder or Path(tempfile.mkdtemp(prefix="instagram-feed-stack-"))
    try:
        yield await start_stack(folder, owner=Owner.of(os.getpid()), environ=environ, report=report)
    finally:
        await stop_stack(folder)


async def start_stack(
    folder: Path,
    *,
    owner: Owner | None = None,
    environ: Mapping[str, str] = os.environ,
    report: Report = print,
) -> Endpoints:
    """Have a stack that answers in `folder`: the one running, made whole if need be, or a new one.

    With an `owner` a new stack ends when that process does.

    Raises:
        StackError: a server cannot be provided, started or reached.
    """
    folder = absolute(folder)
    with _lock(folder):
        if (supervisor := supervisor_of(folder)) is None:
            await _end_leftovers(folder)
            stack_folder.claim(folder)
            supervisor = _launch(folder, await prepare(folder, owner, environ, report))
        else:
            await _mend(folder, supervisor, report)
        return await _until_up(folder, supervisor)


async def stop_stack(folder: Path, *, keep_data: bool = False) -> int:
    """End all that belongs to the stack in `folder`, whatever state it is in, and remove its data.

    Returns how many processes and containers there were.
    """
    folder = absolute(folder)
    with _lock(folder):
        ended = await _end_leftovers(folder)
        if not keep_data:
            stack_folder.remove(folder)
        return ended


def absolute(folder: Path) -> Path:
    """Return the one name of a folder by which its processes and containers are marked."""
    return folder.resolve()


def supervisor_of(folder: Path) -> psutil.Process | None:
    """Return the supervisor of the stack in `folder` while it runs."""
    return next((process for process in leftovers(folder) if _is_supervisor(process)), None)


async def problems_of(endpoints: Endpoints) -> dict[ServerName, str | None]:
    """Ask all three servers: what is wrong with each, None for one that answers."""
    addresses = endpoints.addresses()
    probes = (problem_at(name, address, api_key=endpoints.openai_api_key) for name, address in addresses.items())
    return dict(zip(addresses, await asyncio.gather(*probes), strict=True))


def _is_supervisor(process: psutil.Process) -> bool:
    try:
        return "devstack.supervisor" in process.cmdline()
    except psutil.Error:
        return False


def _lock(folder: Path) -> AbstractContextManager[None]:
    # Not in the folder: that is removed while the lock is held.
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    waiting = f"Waiting for another command that starts or stops the stack in {folder}"
    return locked(cache_folder() / "locks" / name, while_waiting=waiting)


def _launch(folder: Path, plan: Plan) -> psutil.Process:
    plan.save(folder)
    StackState(phase="starting").save(folder)
    log, flags = str(folder / "supervisor.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # Not subprocess.Popen: its object wants the process to end before the starter does.
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "devstack.supervisor", str(folder)],
        marked_environment(folder),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    return psutil.Process(pid)


async def _mend(folder: Path, supervisor: psutil.Process, report: Report) -> None:
    """Have the supervisor start again what does not answer."""
    endpoints = await _until_up(folder, supervisor)
    problems = await problems_of(endpoints)
    if missing := [name for name, problem in problems.items() if problem is not None]:
        report("Starting again: " + ", ".join(missing))
        # Written before the signal, so that "up" in the file means up again.
        StackState(phase="starting").save(folder)
        supervisor.send_signal(signal.SIGHUP)


async def _until_up(folder: Path, supervisor: psutil.Process) -> Endpoints:
    """Wait until the supervisor says that all servers answer.

    Raises:
        StackError: a server failed, the supervisor died, or it took too long.
    """
    async for _ in ticks(START_DEADLINE_S):
        # Looked at first: a supervisor that has ended writes no more.
        ended = has_ended(supervisor)
        state = StackState.load(folder)
        if state is not None and state.endpoints is not None:
            return state.endpoints
        if ended:
            raise StackError(_why_ended(folder, state))
    raise StackError(f"The stack in {folder} is not up after {START_DEADLINE_S:.0f} s.")


def _why_ended(folder: Path, state: StackState | None) -> str:
    if state is not None and state.error is not None:
        return state.error
    return f"The supervisor of the stack died.\n{last_lines(folder / 'supervisor.log')}"


async def _end_leftovers(folder: Path) -> int:
    """Have the supervisor stop its servers, then kill what is left. Returns how many there were."""
    found = leftovers(folder)
    if supervisor := supervisor_of(folder):
        end_all([supervisor], by=signal.SIGTERM)
        await until_ended([supervisor], deadline_s=END_DEADLINE_S)
    orphans = leftovers(folder)
    end_all(orphans, by=signal.SIGKILL)
    await until_ended(orphans, deadline_s=END_DEADLINE_S)
    return len(found) + remove_containers(folder)
