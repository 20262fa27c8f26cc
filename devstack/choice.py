"""Which kind of server serves what: the environment's, else a container, else an embedded one, else Tansu."""

from collections.abc import Collection
from typing import NamedTuple

from devstack import kafka_artifacts, postgres
from devstack.endpoints import Kind, ServerName
from devstack.errors import StackError


class Means(NamedTuple):
    """What this machine offers: a Docker engine that answers, Java with the broker's jars, the two wheels."""

    docker: bool
    java: bool
    tansu_wheel: bool
    postgres_wheel: bool


def means_here() -> Means:
    """Look at this machine."""
    return Means(
        docker=False,
        java=kafka_artifacts.can_serve(),
        tansu_wheel=False,
        postgres_wheel=postgres.can_serve(),
    )


def choose(given: Collection[ServerName], means: Means) -> dict[ServerName, Kind]:
    """The kind of each of the three servers; `given` are those that the environment names.

    Raises:
        StackError: nothing here can serve one of them; says what to install.
    """
    return {
        "kafka": "environment" if "kafka" in given else _kafka_kind(means),
        "postgres": "environment" if "postgres" in given else _postgres_kind(means),
        "llm": "environment" if "llm" in given else "simulated",
    }


def _kafka_kind(means: Means) -> Kind:
    if means.docker:
        return "container"
    if means.java:
        return "embedded"
    if means.tansu_wheel:
        return "tansu"
    raise StackError(
        "No broker can run here: start Docker, or install Java 17 and Maven, or name one in KAFKA_BOOTSTRAP_SERVERS."
    )


def _postgres_kind(means: Means) -> Kind:
    if means.docker:
        return "container"
    if means.postgres_wheel:
        return "embedded"
    raise StackError(
        "No database can run here: start Docker, or install the devstack extra, or name one in DATABASE_URL."
    )
