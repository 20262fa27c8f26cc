"""The servers of a plan, ready to be started."""

from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Protocol, assert_never

from devstack.answers import problem_at
from devstack.endpoints import Endpoints, Kind, ServerName
from devstack.given import GivenServer
from devstack.kafka import KafkaServer
from devstack.kafka_artifacts import jars_folder
from devstack.llm import SimulatedLlmServer
from devstack.plan import VARIABLES, Plan
from devstack.postgres import PostgresServer


class Server(Protocol):
    """A broker, a database or an LLM endpoint, however it is provided."""

    @property
    def name(self) -> ServerName: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def address(self) -> str:
        """Bootstrap servers, database URL or base URL; known once the server has started."""

    @property
    def pid(self) -> int | None: ...
    async def start(self) -> None:
        """Start it, on the data it had, and wait until it answers."""

    async def stop(self) -> None:
        """End it in good order; nothing happens if it does not run."""

    def kill(self) -> None:
        """End it at once, as a crash would."""

    def problem(self) -> Awaitable[str | None]:
        """None when it answers, else what is wrong."""


def build_servers(plan: Plan, folder: Path) -> dict[ServerName, Server]:
    """The three servers of a plan, each with its data in a folder of its name."""
    return {name: _build(name, kind, plan, folder / name) for name, kind in plan.kinds.items()}


def endpoints_of(plan: Plan, servers: dict[ServerName, Server]) -> Endpoints:
    """Where the started servers are."""
    base_url = servers["llm"].address
    return Endpoints(
        kafka_bootstrap_servers=servers["kafka"].address,
        database_url=servers["postgres"].address,
        openai_base_url=base_url,
        openai_api_key=plan.openai_api_key,
        simulated_llm_url=base_url.removesuffix("/v1") if plan.kinds["llm"] == "simulated" else None,
        kinds=plan.kinds,
    )


def _build(name: ServerName, kind: Kind, plan: Plan, folder: Path) -> Server:
    if kind == "environment":
        problem = partial(problem_at, name, plan.given[name], api_key=plan.openai_api_key)
        return GivenServer(name, plan.given[name], variable=VARIABLES[name], problem=problem)
    match name:
        case "kafka":
            return _build_kafka(kind, plan, folder)
        case "postgres":
            return PostgresServer(folder, plan.ports["postgres"])
        case "llm":
            return SimulatedLlmServer(folder, plan.ports["llm"])
        case _:
            assert_never(name)


def _build_kafka(kind: Kind, plan: Plan, folder: Path) -> Server:
    port, controller_port = plan.ports["kafka"], plan.ports["kafka_controller"]
    return KafkaServer(folder, port, jars=jars_folder(), controller_port=controller_port)
