"""Loopback ports for local servers."""

import socket
from contextlib import closing

from devstack.errors import StackError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a TCP port on loopback that nobody listens on at this moment."""
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Return whether a server could bind this loopback port now (lingering closed connections do not count)."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def port_or_free(preferred: int | None) -> int:
    """Return the preferred port if it can be bound, else a free one."""
    return preferred if preferred is not None and is_free(preferred) else free_port()


def require_free(port: int, server: str) -> None:
    """Refuse to start a server on a port that is taken: its probe would find a stranger.

    Raises:
        StackError: names the server and the port.
    """
    if not is_free(port):
        raise StackError(f"{server}: port {port} on {LOOPBACK} is in use. End what listens there or choose another.")
