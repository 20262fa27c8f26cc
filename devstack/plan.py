"""The plan of a stack: decided at the start, read by its supervisor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self, get_args

import psutil
from pydantic import BaseModel

from devstack.endpoints import SIMULATED_API_KEY, Kind, ServerName
from devstack.ownership import has_ended
from devstack.ports import port_or_free
from devstack.postgres import random_password

PortName = Literal["kafka", "kafka_controller", "postgres", "llm"]
PORTS: tuple[PortName, ...] = get_args(PortName)
VARIABLES: dict[ServerName, str] = {
    "kafka": "KAFKA_BOOTSTRAP_SERVERS",
    "postgres": "DATABASE_URL",
    "llm": "OPENAI_BASE_URL",
}


class Owner(BaseModel, frozen=True):
    """The process that a stack ends with. The start time tells it from a later process of the same pid."""

    pid: int
    started_at: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return the owner that runs under this pid now."""
        return cls(pid=pid, started_at=psutil.Process(pid).create_time())

    def is_alive(self) -> bool:
        """Return false once it ended, also while nobody has collected its exit code."""
        try:
            process = psutil.Process(self.pid)
        except psutil.NoSuchProcess:
            return False
        return process.create_time() == self.started_at and not has_ended(process)


class Plan(BaseModel, frozen=True):
    """Which server serves what, where, and for whom.

    `external` are the addresses of servers that the environment names. `ports` are for those that are started,
    `kafka_controller` being the broker's second one. With an `owner` the stack ends when the owner does, and
    its folder is removed.
    """

    kinds: dict[ServerName, Kind]
    external: dict[ServerName, str]
    ports: dict[PortName, int]
    postgres_password: str
    openai_api_key: str
    owner: Owner | None

    def save(self, folder: Path) -> None:
        """Write the plan where the supervisor reads it; it may hold credentials."""
        path = folder / "plan.json"
        path.touch(mode=0o600)
        path.write_text(self.model_dump_json(indent=2))

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Return the plan last saved in `folder`, None if there is none."""
        path = folder / "plan.json"
        return cls.model_validate_json(path.read_bytes()) if path.exists() else None


def named_servers(environ: Mapping[str, str]) -> dict[ServerName, str]:
    """Return the addresses of the servers that an environment names."""
    return {name: environ[variable] for name, variable in VARIABLES.items() if environ.get(variable)}


def make_plan(
    kinds: dict[ServerName, Kind],
    external: dict[ServerName, str],
    *,
    environ: Mapping[str, str],
    earlier: Plan | None,
    owner: Owner | None,
) -> Plan:
    """Return a plan for servers of these kinds, with the password and the free ones of the ports of an earlier plan."""
    earlier_ports = earlier.ports if earlier else {}
    return Plan(
        kinds=kinds,
        external=external,
        ports={name: port_or_free(earlier_ports.get(name)) for name in PORTS},
        postgres_password=earlier.postgres_password if earlier else random_password(),
        openai_api_key=environ.get("OPENAI_API_KEY", "") if "llm" in external else SIMULATED_API_KEY,
        owner=owner,
    )
