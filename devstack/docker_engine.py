"""What is asked of the Docker engine beside running servers: whether it is there, images, cleaning up.

testcontainers finds the engine (contexts, DOCKER_HOST, its own properties file). It is imported where it is
used: that takes half a second, and on a machine without an engine nothing needs it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from devstack.errors import StackError
from devstack.report import Report

FOLDER_LABEL = "instagram-feed.stack-folder"
ENGINE_TIMEOUT_S = 60
TRACES = (
    Path("/var/run/docker.sock"),
    Path.home() / ".docker",
    Path.home() / ".testcontainers.properties",
)

Engine = Any
"""docker.DockerClient, whose package carries no types."""


class DockerUnavailable(StackError):
    """No Docker engine answers."""


class ImageUnavailable(StackError):
    """An image is neither here nor given by a registry."""


def docker_answers() -> bool:
    """Return whether a Docker engine answers a ping."""
    if "DOCKER_HOST" not in os.environ and not any(trace.exists() for trace in TRACES):
        return False
    try:
        with _engine():
            return True
    except DockerUnavailable:
        return False


def ensure_images(images: Sequence[str], report: Report) -> None:
    """Pull the images that are not there yet.

    Raises:
        DockerUnavailable: the engine went away.
        ImageUnavailable: no registry gives one of them.
    """
    if not images:
        return
    with _engine() as engine:
        for image in images:
            if not engine.images.list(name=image):
                report(f"Pulling {image}")
                with docker_failing_as(ImageUnavailable, f"Docker cannot pull {image}"):
                    _pull(engine, image, report)


def _pull(engine: Engine, image: str, report: Report) -> None:
    for event in engine.api.pull(image, stream=True, decode=True):
        if "error" in event:
            raise ImageUnavailable(f"Docker cannot pull {image}: {event['error']}")
        if event.get("status") == "Pull complete":
            report(f"Pulling {image}: layer {event['id']} complete")


def remove_containers(folder: Path) -> int:
    """Remove every container of the stack in `folder`, running or not, with its data. Returns how many."""
    if not docker_answers():
        return 0
    with _engine() as engine:
        found: list[Any] = engine.containers.list(all=True, filters={"label": f"{FOLDER_LABEL}={folder}"})
        for container in found:
            container.remove(force=True, v=True)
        return len(found)


@contextmanager
def docker_failing_as(error_type: type[StackError], what: str) -> Iterator[None]:
    """Translate the errors of Docker's own library."""
    from docker.errors import DockerException  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        yield
    except DockerException as error:
        raise error_type(f"{what}: {error}") from error


@contextmanager
def _engine() -> Iterator[Engine]:
    from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415

    with docker_failing_as(DockerUnavailable, "No Docker engine answers"):
        engine: Engine = DockerClient(timeout=ENGINE_TIMEOUT_S).client
        engine.ping()
    with closing(engine):
        yield engine
