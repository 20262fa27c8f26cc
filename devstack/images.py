"""Broker and Postgres of the official images, set up like the embedded ones."""

from functools import partial
from pathlib import Path

from devstack.answers import kafka_problem, postgres_problem
from devstack.containers import ContainerServer, ContainerSpec
from devstack.endpoints import ServerName
from devstack.kafka_properties import SHARED_PROPERTIES
from devstack.ports import LOOPBACK
from devstack.postgres import DATABASE, SETTINGS, SUPERUSER, postgres_url

IMAGES: dict[ServerName, str] = {"kafka": "apache/kafka:4.4.0", "postgres": "postgres:18"}
CLIENT_PORT, CONTROLLER_PORT, POSTGRES_PORT = 9092, 9093, 5432


def kafka_container(folder: Path, port: int) -> ContainerServer:
    """Return a broker that its clients on this machine reach on `port`."""
    address = f"{LOOPBACK}:{port}"
    properties = {
        **SHARED_PROPERTIES,
        "listeners": f"PLAINTEXT://0.0.0.0:{CLIENT_PORT},CONTROLLER://localhost:{CONTROLLER_PORT}",
        "advertised.listeners": f"PLAINTEXT://{address}",
        # The image formats its storage for static voters.
        "controller.quorum.voters": f"1@localhost:{CONTROLLER_PORT}",
    }
    # Any KAFKA_ variable makes the image forget all its defaults, so it gets every property.
    environment = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in properties.items()}
    return ContainerServer(
        "kafka",
        ContainerSpec(IMAGES["kafka"], CLIENT_PORT, environment),
        folder=folder,
        port=port,
        address=address,
        problem=partial(kafka_problem, address),
    )


def postgres_container(folder: Path, port: int, password: str) -> ContainerServer:
    """Return a server with the application's database; its data are in a volume that goes with the container."""
    environment = {"POSTGRES_USER": SUPERUSER, "POSTGRES_PASSWORD": password, "POSTGRES_DB": DATABASE}
    settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
    address = postgres_url(port, password)
    return ContainerServer(
        "postgres",
        ContainerSpec(IMAGES["postgres"], POSTGRES_PORT, environment, ["postgres", *settings]),
        folder=folder,
        port=port,
        address=address,
        problem=partial(postgres_problem, address),
    )
