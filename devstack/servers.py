"""The servers of a plan, ready to be started."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from devstack.answers import problem_at
from devstack.endpoints import Endpoints, Kind, ServerName
from devstack.external_server import ExternalServer
from devstack.images import kafka_container, postgres_container
from devstack.kafka import KafkaServer
from devstack.kafka_artifacts import jars_folder
from devstack.llm import SimulatedLlmServer
from devstack.plan import VARIABLES, Plan
from devstack.postgres import PostgresServer
from devstack.tansu import TansuServer


class Server(Protocol):
    """A broker, a database or an LLM endpoint, however it is provided."""

    @property
    def name(self) -> ServerName:
        """Which of the three it is."""

    @property
    def kind(self) -> Kind:
        """How it is provided."""

    @property
    def address(self) -> str:
        """Bootstrap servers, database URL or base URL."""

    @property
    def pid(self) -> int | None:
        """The pid of its first process while it runs; None for somebody else's server."""

    async def start(self) -> None:
        """Start it, on the data it had, and wait until it answers."""

    async def stop(self) -> None:
        """End it in good order; nothing happens if it does not run."""

    def kill(self) -> None:
        """End it at once, as a crash would."""

    def problem(self) -> Awaitable[str | None]:
        """Return None when it answers, else what is wrong."""


def build_servers(plan: Plan, folder: Path) -> dict[ServerName, Server]:
    """Return the three servers of a plan, each with its data in a folder of its name."""
    return {name: _build(name, kind, plan, folder) for name, kind in plan.kinds.items()}


def endpoints_of(plan: Plan, servers: dict[ServerName, Server]) -> Endpoints:
    """Return where the started servers are."""
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
        return _external(name, plan)
    return _BUILDERS[kind, name](plan, folder)


def _external(name: ServerName, plan: Plan) -> Server:
    address = plan.external[name]
    problem = partial(problem_at, name, address, api_key=plan.openai_api_key)
    return ExternalServer(name, address, variable=VARIABLES[name], problem=problem)


def _embedded_kafka(plan: Plan, folder: Path) -> Server:
    ports = plan.ports
    return KafkaServer(folder / "kafka", ports["kafka"], jars=jars_folder(), controller_port=ports["kafka_controller"])


def _embedded_postgres(plan: Plan, folder: Path) -> Server:
    return PostgresServer(folder / "postgres", plan.ports["postgres"], password=plan.postgres_password)


def _kafka_container(plan: Plan, folder: Path) -> Server:
    return kafka_container(folder, plan.ports["kafka"])


def _postgres_container(plan: Plan, folder: Path) -> Server:
    return postgres_container(folder, plan.ports["postgres"], plan.postgres_password)


def _tansu(plan: Plan, folder: Path) -> Server:
    return TansuServer(folder / "kafka", plan.ports["kafka"])


def _simulated_llm(plan: Plan, folder: Path) -> Server:
    return SimulatedLlmServer(folder / "llm", plan.ports["llm"])


_BUILDERS: Mapping[tuple[Kind, ServerName], Callable[[Plan, Path], Server]] = {
    ("container", "kafka"): _kafka_container,
    ("container", "postgres"): _postgres_container,
    ("embedded", "kafka"): _embedded_kafka,
    ("embedded", "postgres"): _embedded_postgres,
    ("tansu", "kafka"): _tansu,
    ("simulated", "llm"): _simulated_llm,
}
