"""The status of a stack: its servers and processes."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel

from devstack.endpoints import Endpoints, Kind, ServerName
from devstack.ownership import leftovers
from devstack.stack import absolute, problems_of, supervisor_of
from devstack.state import StackState


class ServerStatus(BaseModel, frozen=True):
    """One server. `problem` is None when it answers; `pid` is None where no process of the stack has it."""

    name: ServerName
    kind: Kind
    address: str
    pid: int | None
    problem: str | None


class StackStatus(BaseModel, frozen=True):
    """The stack in a folder. Without a supervisor it is not up, whatever still answers."""

    up: bool
    folder: Path
    supervisor_pid: int | None
    servers: list[ServerStatus]
    error: str | None = None


async def status_of(folder: Path) -> StackStatus:
    """Ask all servers of the stack in `folder`."""
    folder = absolute(folder)
    supervisor = supervisor_of(folder)
    state = StackState.load(folder)
    servers = await _servers(folder, state.endpoints, state.pids) if state and state.endpoints else []
    answering = bool(servers) and all(server.problem is None for server in servers)
    return StackStatus(
        up=supervisor is not None and answering,
        folder=folder,
        supervisor_pid=supervisor.pid if supervisor else None,
        servers=servers,
        error=state.error if state else None,
    )


async def _servers(folder: Path, endpoints: Endpoints, pids: dict[ServerName, int | None]) -> list[ServerStatus]:
    problems = await problems_of(endpoints)
    running: set[int | None] = {process.pid for process in await asyncio.to_thread(leftovers, folder)}
    # A container's process carries no mark: its answer is the proof that it runs.
    running |= {pids[name] for name, kind in endpoints.kinds.items() if kind == "container" and not problems[name]}
    return [
        ServerStatus(
            name=name,
            kind=endpoints.kinds[name],
            address=without_password(address),
            pid=pids[name] if pids[name] in running else None,
            problem=problems[name],
        )
        for name, address in endpoints.addresses().items()
    ]


def without_password(address: str) -> str:
    """Return the address as it may be shown."""
    url = urlsplit(address)
    if url.password is None:
        return address
    host = url.netloc.rpartition("@")[2]
    return url._replace(netloc=f"{url.username}@{host}").geturl()
