"""The kind of each server: the environment's, else a container, else an embedded one, else Tansu."""

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple, get_args

from devstack.endpoints import Kind, ServerName
from devstack.errors import StackError

Wish = Literal["auto", "containers", "embedded", "tansu"]
WISH_VARIABLE = "INSTAGRAM_FEED_STACK_SERVERS"


class Means(NamedTuple):
    """What is available on this machine: a Docker engine, Java with the broker's jars, the two wheels."""

    docker: bool
    java: bool
    tansu_wheel: bool
    postgres_wheel: bool


def wish_in(environ: Mapping[str, str]) -> Wish:
    """Return the user's choice, if any, instead of the automatic one.

    Raises:
        StackError: the variable holds none of the wishes.
    """
    wished = environ.get(WISH_VARIABLE) or "auto"
    for wish in get_args(Wish):
        if wish == wished:
            return wish  # type: ignore[no-any-return]  # get_args is untyped
    raise StackError(f"{WISH_VARIABLE} is {wished!r}; expected one of {', '.join(get_args(Wish))}")


def choose(external: Collection[ServerName], means: Means, wish: Wish = "auto") -> dict[ServerName, Kind]:
    """Return the kind of each of the three servers; `external` are those that the environment names.

    Raises:
        StackError: nothing here can serve one of them as wished; says what to do.
    """
    usable = _as_wished(means, wish)
    return {
        "kafka": "environment" if "kafka" in external else _kafka_kind(usable),
        "postgres": "environment" if "postgres" in external else _postgres_kind(usable),
        "llm": "environment" if "llm" in external else "simulated",
    }


def _as_wished(means: Means, wish: Wish) -> Means:
    match wish:
        case "auto":
            return means
        case "containers":
            return means._replace(java=False, tansu_wheel=False, postgres_wheel=False)
        case "embedded":
            return means._replace(docker=False, tansu_wheel=False)
        case "tansu":
            return means._replace(docker=False, java=False)


def _kafka_kind(means: Means) -> Kind:
    if means.docker:
        return "container"
    if means.java:
        return "embedded"
    if means.tansu_wheel:
        return "tansu"
    raise StackError(
        "No broker can run here as wished: start Docker, or install Java 17 and Maven, "
        "or name a broker in KAFKA_BOOTSTRAP_SERVERS."
    )


def _postgres_kind(means: Means) -> Kind:
    if means.docker:
        return "container"
    if means.postgres_wheel:
        return "embedded"
    raise StackError(
        "No database can run here as wished: start Docker, or install the devstack extra, "
        "or name a database in DATABASE_URL."
    )
